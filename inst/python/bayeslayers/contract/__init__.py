"""The callers' contract: names, rules, composition and the words in which they are documented."""

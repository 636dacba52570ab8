"""Distributions: what needs TensorFlow Probability, which is imported where it is first used."""

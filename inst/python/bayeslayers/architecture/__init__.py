"""The layers that a model is made of: find them, and copy a model with others in their places."""

"""Callbacks that act inside the steps of `fit()`."""

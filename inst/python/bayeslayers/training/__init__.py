"""What acts in the steps of `fit()`."""

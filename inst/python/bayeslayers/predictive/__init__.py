"""A model's outputs under draws of its weights, for inputs in every form that `predict()` takes."""

"""PyTorch: the names of `bayeslayers.backend.INTERFACE`."""

"""JAX: the names of `bayeslayers.backend.INTERFACE`."""

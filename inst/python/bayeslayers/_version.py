"""The version of the Python core, and with it of the R package that carries it."""

__version__ = "0.1.0"

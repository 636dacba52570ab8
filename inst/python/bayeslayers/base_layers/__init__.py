"""What the layers are built on: construction, draws, divergences, and what goes into a file."""

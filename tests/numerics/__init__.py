"""Functions of one array."""

"""When two calls are equal, and how long their arguments live."""

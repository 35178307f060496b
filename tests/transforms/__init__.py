"""The pieces of optimizers, each at its edges."""

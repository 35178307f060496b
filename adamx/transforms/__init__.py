"""The pieces of optimizers, by theme."""

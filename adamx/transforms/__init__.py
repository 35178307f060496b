"""The pieces that optimizers are made of."""

"""How rules run on trees: stacks of leaves, and shardings."""

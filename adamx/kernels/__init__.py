"""Run rules in a loop over blocks of a leaf: in Pallas, or in plain XLA."""

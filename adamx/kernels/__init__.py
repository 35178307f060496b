"""Rules as loops over blocks of a leaf: in Pallas, or in plain XLA."""

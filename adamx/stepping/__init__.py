"""A whole step in one program, from gradients to rounded parameters."""

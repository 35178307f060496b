"""What is done to matrices as wholes."""

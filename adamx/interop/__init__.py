"""Convert states of another chain, of Optax or of PyTorch."""

"""States taken over from another chain, from Optax or from PyTorch."""

"""States that come from elsewhere: another chain, Optax, PyTorch."""

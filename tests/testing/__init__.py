"""The laws find violations."""

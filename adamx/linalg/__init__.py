"""Matrices: how leaves are seen as them, and what is done with them."""

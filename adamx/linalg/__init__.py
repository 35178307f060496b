"""Matrices: views of leaves, and linear algebra."""

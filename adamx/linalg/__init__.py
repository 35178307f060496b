"""Views of leaves as matrices, and linear algebra."""

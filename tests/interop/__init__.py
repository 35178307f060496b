"""States from other chains and libraries."""

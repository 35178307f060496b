"""Parameters that stay in a set."""

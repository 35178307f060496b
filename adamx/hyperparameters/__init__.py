"""Arguments of builders: their checks, static values, and remembered calls."""

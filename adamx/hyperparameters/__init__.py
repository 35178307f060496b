"""Arguments of builders: checks, static values, and recorded calls."""

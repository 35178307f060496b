"""Rates that are found from the way so far, or from the loss."""

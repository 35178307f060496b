"""Optimizer states in fewer bits: codecs, and the rule that applies them."""

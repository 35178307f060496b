"""How a transform runs on a tree."""

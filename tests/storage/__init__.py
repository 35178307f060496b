"""Codecs, and states stored in fewer bits."""

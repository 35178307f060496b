"""Descriptions of transforms and states, and measurements."""

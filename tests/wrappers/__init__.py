"""Transforms around other transforms."""

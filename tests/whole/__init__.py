"""Tests of the whole library, which belong to no single room."""

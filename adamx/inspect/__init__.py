"""Seeing: what a transform is made of, what its state holds, what a step did."""

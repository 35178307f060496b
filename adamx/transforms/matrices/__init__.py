"""Transforms of whole matrices: orthogonal, preconditioned, whitened, projected."""

"""Moments: averages of powers of the gradient, and division by their roots."""

"""Matrix views and orthogonal factors."""

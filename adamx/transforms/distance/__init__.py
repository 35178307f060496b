"""Learning rates computed from the distance so far, or from the loss."""

"""Weight decay."""

"""States in fewer bits: codecs, and the rule that uses them."""

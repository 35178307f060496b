"""What a transform keeps, in any precision: codecs, and rules that use them."""

"""What a builder is given: checked, made static, remembered."""

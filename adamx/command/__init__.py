"""The command `adamx`: a file for each of its commands."""

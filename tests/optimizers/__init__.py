"""Every optimizer: against an independent implementation, and to the minimum."""

"""Trees of users, and leaves that are frozen in part."""

"""Other servers' protocols."""

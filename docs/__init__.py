"""Documents, and what writes those of them that are generated."""

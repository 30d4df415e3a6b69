"""Training of mixing networks from a catalog."""

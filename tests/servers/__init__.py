"""Local servers that speak the protocols of the real ones."""

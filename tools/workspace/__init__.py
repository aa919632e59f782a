"""Files in one folder that a model may work in, and nothing outside it."""

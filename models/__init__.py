"""Chat models: roles, chains with fallback, prices, and the embedded extractive model."""

"""Node factories that graphs share."""

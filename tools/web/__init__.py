"""Searching the web: one interface, who can do it, and which of them the settings ask for."""

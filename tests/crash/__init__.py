"""Processes killed at every boundary of what they write, and brought to the end that they would have had."""

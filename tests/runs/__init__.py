"""Runs of graphs of the user's: what is told of them, going on from any point, and graphs that change meanwhile."""

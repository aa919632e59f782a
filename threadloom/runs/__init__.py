"""Runs: started, paused, resumed, recovered, and what they did to the world once."""

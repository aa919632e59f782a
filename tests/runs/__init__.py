"""Graphs that change while their runs wait."""

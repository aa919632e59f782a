"""Databases that fail with real parts: servers that stop, connections that are cut, disks that are full."""

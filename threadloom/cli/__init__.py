"""The command line. Modules of this package import nothing heavy at the top: `threadloom --help` must be quick."""

from threadloom.cli.app import main

__all__ = ["main"]

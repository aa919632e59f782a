"""Benchmarks: our saver beside others, in one run: `python -m bench --help`."""

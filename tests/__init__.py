"""Tests; run by `make test`."""

"""Tests; run by `make test` and `make test-all`."""

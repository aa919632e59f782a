"""The embedded model: deterministic, no network, labelled as such."""

"""The databases of the store's own tests."""

from tests.checkpoints.conftest import empty_url, encryption, new_url, plain_saver, saver, server_url, url

__all__ = ["empty_url", "encryption", "new_url", "plain_saver", "saver", "server_url", "url"]

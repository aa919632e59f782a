"""Keeping secrets out of what is shown: error messages and reports repeat what servers say, and servers repeat keys."""

import re

LEAST = 6
"""Characters of a secret: what is shorter is a placeholder such as "none", and would take ordinary words with it."""

_QUERY = re.compile(r"(https?://[^\s?#]{1,300})\?[^\s\"'<>]*")


def redact(text: str, *secrets: str) -> str:
    """`text` with *** for each of the secrets, and without the queries of addresses, which may hold one."""
    for secret in secrets:
        text = text.replace(secret, "***") if len(secret) >= LEAST else text
    return _QUERY.sub(r"\1", text)

"""Characters that no request can be encoded with: JSON, names of files and broken pages hold halves of some."""

import re
from typing import Any

_SURROGATES = re.compile("[\ud800-\udfff]")


def whole(value: Any) -> Any:
    """JSON without half characters, which it may hold but nobody can send or store as UTF-8; all else as it is."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {whole(key): whole(part) for key, part in value.items()}
    return [whole(part) for part in value] if isinstance(value, list) else value

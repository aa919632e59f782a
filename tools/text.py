"""Text from outside made safe to show and to store: composed Unicode, nothing invisible, no half characters.

What a person would not see (zero-width and direction marks, Unicode's tag characters) is where text for a model hides.
"""

import re
import unicodedata

from threadloom.models.characters import whole

LONGEST = 50_000
"""Characters of a line; the longest abstracts have a tenth of that."""

_INVISIBLE = re.compile("[\u00ad\u200b\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_CONTROL_BUT_LAYOUT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def text(value: object) -> str:
    """`value` as one line of clean text: composed Unicode, single spaces, nothing invisible; '' if it is no text.

    What is longer than LONGEST is cut.
    """
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        return ""
    return " ".join(_CONTROL.sub(" ", _visible(str(value)[:LONGEST])).split())


def prose(value: str) -> str:
    """`value` with its lines and tabs kept, clean otherwise; every line ends in a line feed alone."""
    return _CONTROL_BUT_LAYOUT.sub("", _visible(value.replace("\r\n", "\n").replace("\r", "\n")))


def clipped(value: str, most: int) -> str:
    """At most `most` characters of a text, the last of them an ellipsis if it had more."""
    return value if len(value) <= most else value[: most - 1] + "…"


def _visible(value: str) -> str:
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", whole(value)))

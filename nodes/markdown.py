"""Text from outside, made safe to stand inside Markdown: it can add words, never structure."""

import json
import re
import unicodedata
from urllib.parse import quote

_MARKUP = re.compile(
    r"[\\`*_\[\]<>{}#|~$]|&(?=[#A-Za-z])|(?<=:)/(?=/)|(?<=\bwww)\.|^(?:[-+=:](?=\W|$)|\d{1,9}(?=[.)](?:\s|$)))"
)
# Bidirectional overrides and isolates reorder what a reader sees; tag characters hide text from the reader altogether.
_HIDDEN = re.compile("[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
_UNPRINTABLE = {"Cc", "Cs", "Co"}
_BREAK = re.compile("\r\n?")
_URL_CHARACTERS = "%/:?#[]@!$&'()*+,;=~"


def one_line(text: str) -> str:
    """The text on one line, without control characters, private-use characters, lone surrogates and hidden text."""
    visible = _HIDDEN.sub("", text)
    return " ".join("".join(" " if unicodedata.category(c) in _UNPRINTABLE else c for c in visible).split())


def escape(text: str) -> str:
    """The text as one line of Markdown that reads as the text itself, wherever in a line or table cell it stands.

    Bare web addresses are broken up for the renderers that make links of them unasked.
    """
    return _MARKUP.sub(lambda m: m[0] + "\\" if m[0][0].isdigit() else "\\" + m[0], one_line(text))


def fenced(text: str, language: str = "text") -> str:
    """The text as a block of code, in which its lines are lines and nothing is structure.

    What would steer a terminal or hide words from a reader is written as in JSON.
    """
    shown = "".join(c if c in "\n\t" or not _unseen(c) else json.dumps(c)[1:-1] for c in _BREAK.sub("\n", text))
    fence = "`" * max([3, *(len(ticks) + 1 for ticks in re.findall("`+", shown))])
    return f"{fence}{language}\n{shown}\n{fence}"


def _unseen(char: str) -> bool:
    return bool(_HIDDEN.match(char)) or unicodedata.category(char) in {*_UNPRINTABLE, "Zl", "Zp"}


def autolink(url: str) -> str:
    """A web address as a Markdown link that shows itself; `url` starts with http:// or https://."""
    return f"<{quote(one_line(url), safe=_URL_CHARACTERS)}>"

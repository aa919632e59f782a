"""Which characters the bytes of a page are: what its server or the page itself says, if the bytes agree."""

import codecs
import re

_META = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})|<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([\w.:-]{1,40})",
    re.I,
)
_HEADER = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.I)
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NOT_OF_THE_WEB = frozenset({"idna", "punycode", "raw_unicode_escape", "unicode_escape", "utf_7", "undefined"})
"""Codecs of Python that decode to other text than a reader sees, or take very long."""
_LATIN = frozenset({"ascii", "iso8859-1"})


def decoded(body: bytes, content_type: str) -> str:
    """The text of a reply.

    A byte-order mark counts first, then the header, then the page's own word, then UTF-8; each only if all bytes fit.
    If none fits, it is UTF-8 with some damage or Windows-1252, which is also what "latin-1" means on the web.
    """
    marked = [name for mark, name in _MARKS if body.startswith(mark)]
    header = [match[1] for match in [_HEADER.search(content_type)] if match]
    meta = [(match[1] or match[2]).decode("ascii") for match in [_META.search(body[:4_096])] if match]
    for name in [*marked, *header, *meta, "utf-8"]:
        codec = _codec(name)
        if codec is None:
            continue
        try:
            return body.decode(codec)
        except (LookupError, ValueError):  # a codec that is not of text; bytes that do not fit
            continue
    damaged = body.decode("utf-8", errors="replace")
    beyond_ascii = sum(character > "\x7f" for character in damaged)
    return damaged if beyond_ascii > 2 * damaged.count("\ufffd") else body.decode("cp1252", errors="replace")


def _codec(name: str) -> str | None:
    try:
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return None if codec.replace("-", "_") in _NOT_OF_THE_WEB else "cp1252" if codec in _LATIN else codec

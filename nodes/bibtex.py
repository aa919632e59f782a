"""The cited papers as BibTeX, in UTF-8, for biber and for BibTeX styles that read it."""

import re
import unicodedata
from collections.abc import Sequence

from threadloom.nodes.csl import paper_url
from threadloom.nodes.markdown import one_line
from threadloom.state.papers import MORE_AUTHORS, Author, Paper

_TYPES = {  # kind: entry type, field that holds the venue
    "article-journal": ("article", "journal"),
    "paper-conference": ("inproceedings", "booktitle"),
    "article": ("misc", "howpublished"),
    "book": ("book", "publisher"),
    "chapter": ("incollection", "booktitle"),
    "report": ("techreport", "institution"),
    "thesis": ("thesis", "institution"),  # biblatex's: phdthesis and mastersthesis would each be a guess
}
# Braces must balance even when escaped, hence the commands.
_ESCAPES = str.maketrans(
    {c: f"\\{c}" for c in "&%_#$"}
    | {"\\": r"{\textbackslash}", "{": r"{\textbraceleft}", "}": r"{\textbraceright}"}
    | {"~": r"{\textasciitilde}", "^": r"{\textasciicircum}"}
)
# Letters that Unicode does not take apart into a base letter and an accent.
_LATIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i", "ð": "d", "þ": "th"})
_SMALL_WORDS = {
    "a",
    "an",
    "and",
    "are",
    "at",
    "by",
    "can",
    "do",
    "does",
    "for",
    "from",
    "how",
    "in",
    "is",
    "it",
    "of",
    "on",
}
_SMALL_WORDS |= {"the", "to", "what", "when", "why", "with"}


def bibtex(papers: Sequence[Paper]) -> str:
    """One entry a paper, in the given order; "" for none. Keys read like `vaswani2017attention` and are unique."""
    taken: dict[str, int] = {}
    entries: list[str] = []
    for paper in papers:
        key = _key(paper)
        taken[key] = taken.get(key, 0) + 1
        entries.append(_entry(key if taken[key] == 1 else f"{key}-{taken[key]}", paper))
    return "\n".join(entries)


def _key(paper: Paper) -> str:
    family = _ascii(paper["authors"][0]["family"]) if paper["authors"] else ""
    words = [word for word in map(_ascii, re.split(r"[\s:/–—-]+", paper["title"])) if word]
    first = next((word for word in words if word not in _SMALL_WORDS), "")
    return f"{family or 'anon'}{paper['year'] or ''}{first}"


def _ascii(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", one_line(text).lower().translate(_LATIN))
    return re.sub(r"[^a-z0-9]", "", decomposed)


def _entry(key: str, paper: Paper) -> str:
    kind, venue = _TYPES.get(paper["kind"], _TYPES["article-journal"])
    text = {
        "title": _protect(_escape(paper["title"])),
        "author": " and ".join(filter(None, map(_author, paper["authors"]))),
        "year": str(paper["year"] or ""),
        venue: _escape(paper["venue"]),
        "volume": _escape(paper["volume"]),
        "number": _escape(paper["issue"]),
        "pages": re.sub(r"\s*[-‐-―]+\s*", "--", _escape(paper["pages"])),
    }
    verbatim = {
        "doi": _verbatim(paper["doi"] or ""),
        "eprint": _verbatim(paper["arxiv_id"] or ""),
        "eprinttype": "arxiv" if paper["arxiv_id"] else "",
        "url": _verbatim(paper_url(paper)),
    }
    fields = "".join(f"  {name} = {{{value}}},\n" for name, value in (text | verbatim).items() if value)
    return f"@{kind}{{{key},\n{fields}}}\n"


def _escape(text: str) -> str:
    return one_line(text).translate(_ESCAPES)


def _verbatim(text: str) -> str:
    """Identifiers and addresses are not TeX to biber; only what would end the field or the line is encoded."""
    return one_line(text).translate({ord(c): f"%{ord(c):02X}" for c in " {}\\"})


def _protect(title: str) -> str:
    """Words with a capital after their first letter (BERT, mRNA) in braces, so that no style lowers them."""
    return re.sub(r"(?<![\w\\{}])\w+[A-Z]\w*(?![\w\\{}])", r"{\g<0>}", title)


def _author(author: Author) -> str:
    """ "Family, Given"; a name that has no parts, or would be taken apart at a comma or "and", in braces."""
    family, given = _escape(author["family"]), _escape(author["given"])
    if family == MORE_AUTHORS["family"]:
        return "others"
    if not family or not given:
        return f"{{{family or given}}}" if family or given else ""
    return f"{_whole(family)}, {_whole(given)}"


def _whole(part: str) -> str:
    return f"{{{part}}}" if "," in part or re.search(r"\band\b", part, re.IGNORECASE) else part

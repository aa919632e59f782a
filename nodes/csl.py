"""References in a citation style: papers through citeproc-py and the style files beside this module, out as Markdown.

The style files are our own, written from the published rules of each style for the kinds of paper we have. Titles are
never re-cased: the language and the proper nouns of a title are not known, and a wrong guess would falsify it.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from threadloom.nodes.markdown import autolink, escape, one_line
from threadloom.state.papers import MORE_AUTHORS, Author, Paper
from threadloom.state.research import Style

if TYPE_CHECKING:
    from citeproc.source import Name, Reference  # type: ignore[import-untyped]  # citeproc-py has no annotations

_STYLES = Path(__file__).with_name("styles")

# Formatting travels through citeproc-py as private-use characters, which `one_line` removes from every field: thus
# escaping is one pass over the finished text and cannot be undone by what a field holds.
_ITALIC, _BOLD, _LINK = ("\ue000", "\ue001"), ("\ue002", "\ue003"), ("\ue004", "\ue005")
_MARK = "[\ue000-\ue005]"
_MARKDOWN = {"\ue000": "*", "\ue001": "*", "\ue002": "**", "\ue003": "**"}

_MORE = "\ue006"
_MOST_AUTHORS = 21  # the longest list that any of the styles prints, and one

_PUBLISHED_BY = {"article", "book", "report", "thesis"}
"""Kinds whose venue is who published them; of the others it is what they appeared in."""

_INITIALS: dict[Style, str] = {"apa": " ", "ieee": " ", "nature": " ", "harvard": ""}
"""Styles that shorten given names, and what stands between two initials. Done here, not by citeproc-py, which makes
". ju ." of "Hyun-ju" and ". 伟 ." of "伟"."""


def format_references(papers: Sequence[Paper], style: Style) -> list[str]:
    """One Markdown entry a paper, in the given order, without its number."""
    from citeproc import (  # type: ignore[import-untyped]  # citeproc-py has no annotations
        Citation,
        CitationItem,
        CitationStylesBibliography,
        CitationStylesStyle,
    )
    from citeproc.source import BibliographySource

    source = BibliographySource()
    for number, paper in enumerate(papers):
        source.add(_entry(str(number), paper, style))
    sheet = CitationStylesStyle(str(_STYLES / f"{style}.csl"), validate=False)
    bibliography = CitationStylesBibliography(sheet, source, _formatter())
    bibliography.register(Citation([CitationItem(key) for key in source]))
    return [_to_markdown(_tidy(str(text))) for text in bibliography.bibliography()]


def paper_url(paper: Paper) -> str:
    """Where the paper can be read: by DOI, else arXiv id, PubMed id or the source's own web address; "" if unknown."""
    if paper["doi"]:
        return _doi_url(one_line(paper["doi"]))
    if paper["arxiv_id"]:
        return "https://arxiv.org/abs/" + quote(one_line(paper["arxiv_id"]))
    if paper["pmid"]:
        return f"https://pubmed.ncbi.nlm.nih.gov/{quote(one_line(paper['pmid']))}/"
    url = one_line(paper["url"])
    return url if re.fullmatch(r"https?://\S+", url) else ""


def _doi_url(doi: str) -> str:
    return "https://doi.org/" + quote(doi, safe="/:;()._-,+~")


def _wrap(marks: tuple[str, str]) -> Callable[[object], str]:
    return lambda text: f"{marks[0]}{text}{marks[1]}"


def _formatter() -> Any:
    """Takes the place of one of citeproc-py's formatter modules."""
    plain = dict.fromkeys(("Light", "Underline", "Superscript", "Subscript", "SmallCaps"), str)
    return SimpleNamespace(preformat=str, Italic=_wrap(_ITALIC), Oblique=_wrap(_ITALIC), Bold=_wrap(_BOLD), **plain)


def _entry(key: str, paper: Paper, style: Style) -> "Reference":
    from citeproc.source import Date, Reference
    from citeproc.string import String  # type: ignore[import-untyped]  # citeproc-py has no annotations

    fields: dict[str, object] = {name: String(value) for name, value in _fields(paper).items() if value}
    if authors := _authors(paper["authors"], style):
        fields["author"] = authors
    if paper["year"]:
        fields["issued"] = Date(year=paper["year"])
    return Reference(key, paper["kind"], **fields)


def _fields(paper: Paper) -> dict[str, str]:
    venue = one_line(paper["venue"])
    if paper["kind"] == "article" and paper["arxiv_id"]:
        venue = "arXiv"
    own_work = any(not author["given"] and one_line(author["family"]) == venue for author in paper["authors"])
    link, doi = paper_url(paper), one_line(paper["doi"] or "")
    return {
        "title": _title(one_line(paper["title"])) or "[Untitled]",
        "publisher" if paper["kind"] in _PUBLISHED_BY else "container_title": "" if own_work else venue,
        "volume": one_line(paper["volume"]),
        "issue": one_line(paper["issue"]),
        "page": re.sub(r"\s*[-‐-―]+\s*", "-", one_line(paper["pages"])),
        "number": f"arXiv:{one_line(paper['arxiv_id'])}" if paper["arxiv_id"] else "",
        "URL": link and _wrap(_LINK)(link),
        "DOI": doi and _wrap(_LINK)(doi),
    }


def _title(title: str) -> str:
    """Without the full stop some sources add, and with typographic quotes, so that nested ones can be told apart."""
    return re.sub(r'"([^"]*)"', "“\\1”", re.sub(r"(?<!\.)(?<!\.\w)\.$", "", title))


def _authors(authors: Sequence[Author], style: Style) -> list["Name"]:
    """Names as citeproc-py takes them; an open list is made longer than any style prints, so that each cuts it."""
    from citeproc.source import Name

    names = [name for author in authors if author != MORE_AUTHORS and (name := _name(author, style))]
    is_open = bool(names) and authors[-1] == MORE_AUTHORS
    return names + [Name(literal=_MORE)] * (_MOST_AUTHORS * is_open)


def _name(author: Author, style: Style) -> "Name | None":
    from citeproc.source import Name

    family, given = one_line(author["family"]), _spelled(one_line(author["given"]))
    if not family or not given:
        return Name(literal=family or given) if family or given else None
    if given.upper() == given.lower():  # a script without capitals: family name first, nothing to shorten
        return Name(literal=f"{family} {given}")
    joiner = _INITIALS.get(style)
    return Name(family=family, given=given if joiner is None else _initials(given, joiner))


def _spelled(given: str) -> str:
    """Initials get their points: AN (as PubMed writes them) and A N become A. N.; names stay as they are."""
    if re.fullmatch(r"[A-Z]{2,3}", given):
        given = " ".join(given)
    return re.sub(r"\b([^\W\d_])(?=\s|$)", lambda m: m[1] + "." * m[1].isupper(), given)


def _initials(given: str, joiner: str) -> str:
    """Jean-Pierre A. to J.-P. A.; particles in lower case (Ludwig van) are kept: they belong to the family name."""
    short: list[str] = []
    for index, token in enumerate(re.findall(r"[^\s.]+", given)):
        particle = index > 0 and token.islower()
        parts = (part[0].upper() + "." for part in re.split("[-‐‑]", token) if part)
        short.append(f" {token} " if particle else "-".join(parts))
    return " ".join(joiner.join(short).split())


def _tidy(text: str) -> str:
    """Repair what citeproc-py leaves where two pieces meet: doubled points, points after ? and !, quotes in quotes."""
    text = re.sub(rf"(?:,? (?:& |and |… )?{_MORE})+(?:,? et al\.)?", ", et al.", " ".join(text.split()))
    pieces = re.split(f"({_LINK[0]}.*?{_LINK[1]})", text)
    pieces[::2] = [_tidy_seams(piece) for piece in pieces[::2]]
    return _nest_quotes("".join(pieces))


def _tidy_seams(text: str) -> str:
    text = re.sub(rf"([?!])({_MARK}*)[.,]", r"\1\2", text.replace(",”.", ".”"))
    text = re.sub(rf"(?<!\.)\.({_MARK}*)\.(?!\.)", r".\1", text)
    return re.sub(rf",({_MARK}*),", r",\1", text)


def _nest_quotes(text: str) -> str:
    """Double quotes inside double quotes become single."""
    depth, out = 0, ""
    for char in text:
        depth -= char == "”"
        out += {"“": "‘", "”": "’"}.get(char, char) if depth > 0 else char
        depth += char == "“"
    return out


def _to_markdown(text: str) -> str:
    pieces = re.split(f"({_LINK[0]}.*?{_LINK[1]}|{_MARK})", text)
    pieces[::2] = [re.sub("^( ?)(.*?)( ?)$", _escaped, piece) for piece in pieces[::2]]
    pieces[1::2] = [_MARKDOWN.get(piece) or _link(piece[1:-1]) for piece in pieces[1::2]]
    return "".join(pieces)


def _escaped(piece: re.Match[str]) -> str:
    """Escaped but for the spaces at the ends: they stand between formatted pieces."""
    return piece[1] + escape(piece[2]) + piece[3]


def _link(target: str) -> str:
    """A link that shows itself, or for a bare DOI one that shows the DOI."""
    return autolink(target) if target.startswith("http") else f"[{escape(target)}]({autolink(_doi_url(target))})"

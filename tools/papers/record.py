"""Building paper records: plain text from markup, identifiers in one spelling, people's names in two parts.

Whatever a source sends where text should be, what comes out is text; what cannot be read is left empty.
"""

import html
import re
from collections.abc import Iterable
from typing import Any

from threadloom.state.papers import Author, Paper, SourceName
from threadloom.tools.text import text

_TAG = re.compile(r"""</?([A-Za-z][\w:.-]*)(?:\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*/?>""")
# What is never closed goes on to the end or is no heading, else the search for each end would make them quadratic.
_TEX = re.compile(r"<((?:jats:)?tex-math)\b[^<>]*>.*?(?:</\1>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL)
_HEADING = re.compile(r"<((?:jats:)?title|h[1-6])\b[^<>]*>(.{0,200}?)</\1>", re.DOTALL)
_OPENING = re.compile(r"(?i:abstract|summary)\s*[:.]\s*|ABSTRACT\s+|Abstract(?=[A-Z])")
_INLINE = re.compile("a|b|i|u|em|strong|su[bp]|span|sc|italic|bold|underline|tt|small|xref|monospace|font")
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_ARXIV_PREFIX = re.compile(
    r"https?://(?:[\w-]+\.)?arxiv\.org/(?:abs|pdf)/|(?:https?://(?:dx\.)?doi\.org/)?10\.48550/arxiv\.|arxiv:\s*",
    re.IGNORECASE,
)
_ARXIV = re.compile(r"(\d{4}\.\d{4,5}|[a-z-]+(?:\.[a-z]{2})?/\d{7})(?:v\d+)?(?:\.pdf)?", re.IGNORECASE)
_PMID = re.compile(r"(?:https?://\S{0,60}pubmed\S{0,60}?/|pmid:\s*)?0*([1-9]\d{0,8})/?", re.IGNORECASE)
_PARTICLE = re.compile("van|von|de[rnl]?|della|d[iau]|dos|l[ae]|te[rn]|zur?|af|bin|ibn|al|el")
_SUFFIX = re.compile(r"jr\.?|sr\.?|i{2,3}|iv", re.IGNORECASE)
_ORGANISATION = re.compile(
    r"\b(collaborations?|consortium|network|investigators|committee|association|society|organi[sz]ation|institute"
    r"|university|project|initiative|team|group)\b",
    re.IGNORECASE,
)


def plain(value: object) -> str:
    """Text without its HTML or JATS markup; headings become `Heading: `, TeX beside MathML goes.

    Twice, since some publishers escape their markup before they deposit it; a lone `<` as in `p < 0.05` stays.
    """
    stripped = text(value)
    for _ in range(2):
        stripped = html.unescape(_TAG.sub(_gap, _HEADING.sub(_heading, _TEX.sub("", stripped))))
    stripped = text(stripped)
    return stripped[match.end() :] if (match := _OPENING.match(stripped)) else stripped


def _heading(match: re.Match[str]) -> str:
    words = match[2].strip().rstrip(":.")
    return f" {words}: " if words else " "


def _gap(match: re.Match[str]) -> str:
    prefix, _, name = match[1].lower().rpartition(":")
    return "" if _INLINE.fullmatch(name) or prefix == "mml" else " "


def title_text(value: object) -> str:
    """A title without markup, without the full stop and the brackets of a translation that PubMed puts there."""
    clean = plain(value)
    clean = clean if clean.endswith("..") else clean.removesuffix(".")
    return clean[1:-1] if clean.startswith("[") and clean.endswith("]") else clean


def doi_of(value: object) -> str | None:
    """A DOI in lower case without resolver or prefix, or None."""
    match = _DOI.search(html.unescape(text(value)))
    return match[0].rstrip(".,;").lower() if match else None


def arxiv_id_of(value: object) -> str | None:
    """An arXiv id without version, from an id, an address at arxiv.org or an arXiv DOI; None for anything else."""
    match = _ARXIV.fullmatch(_ARXIV_PREFIX.sub("", text(value), count=1))
    return match[1] if match else None


def pmid_of(value: object) -> str | None:
    """A PubMed id as digits, from an id or an address at PubMed, or None."""
    match = _PMID.fullmatch(text(value))
    return match[1] if match else None


def year_of(value: object) -> int | None:
    """The first plausible year in `value`, or None."""
    match = re.search(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)", text(value))
    return int(match[1]) if match else None


def count_of(value: object) -> int | None:
    """A count, or None if `value` is none."""
    digits = text(value)
    return int(digits) if digits.isascii() and digits.isdigit() else None


def author_of(name: object) -> Author | None:
    """`Family, Given` or `Given Family` in two parts; an organisation stays whole; None for nothing."""
    full = plain(name)
    if not full or _ORGANISATION.search(full):
        return Author(family=full, given="") if full else None
    if "," in full:
        family, _, given = full.partition(",")
        return Author(family=family.strip(), given=given.strip())
    words = full.split()
    suffix = [words.pop()] if len(words) > 2 and _SUFFIX.fullmatch(words[-1]) else []
    start = len(words) - 1
    while start > 1 and _PARTICLE.fullmatch(words[start - 1]):
        start -= 1
    return Author(family=" ".join(words[start:]), given=" ".join(words[:start] + suffix))


def person(family: object, given: object, organisation: object = "") -> Author | None:
    """An author from a record that names the parts; None when it names nobody."""
    if last := plain(family):
        return Author(family=last, given=plain(given))
    if whole := plain(organisation):
        return Author(family=whole, given="")
    return author_of(given)


def paper(
    source: SourceName,
    own_id: object,
    title: object,
    *,
    authors: Iterable[Author | None],
    year: object,
    abstract: str,
    kind: str = "article-journal",
    venue: object = "",
    volume: object = "",
    issue: object = "",
    pages: object = "",
    keywords: Iterable[object] = (),
    doi: object = None,
    arxiv_id: object = None,
    pmid: object = None,
    url: object = "",
    citations: object = None,
) -> Paper:
    """A record from raw values, its id made from the best identifier among them; `found` is left to the search.

    `abstract` is plain text already, for only the source knows whether it writes markup.
    """
    clean_doi, clean_pmid = doi_of(doi), pmid_of(pmid)
    clean_arxiv = arxiv_id_of(arxiv_id) or arxiv_id_of(doi)
    return Paper(
        id=_id(clean_doi, clean_arxiv, clean_pmid, f"{source}:{text(own_id)}"),
        title=title_text(title),
        authors=[author for author in authors if author],
        year=year_of(year),
        venue=plain(venue),
        kind=kind,
        volume=text(volume),
        issue=text(issue),
        pages=text(pages),
        abstract=abstract,
        text_origin="abstract" if abstract else "none",
        keywords=list(dict.fromkeys(filter(None, map(plain, keywords)))),
        doi=clean_doi,
        arxiv_id=clean_arxiv,
        pmid=clean_pmid,
        url=_url(url, clean_doi, clean_arxiv, clean_pmid),
        citations=count_of(citations),
        found={},
    )


def _id(doi: str | None, arxiv_id: str | None, pmid: str | None, own: str) -> str:
    if doi:
        return f"doi:{doi}"
    return f"arxiv:{arxiv_id}" if arxiv_id else f"pmid:{pmid}" if pmid else own


def _url(given: object, doi: str | None, arxiv_id: str | None, pmid: str | None) -> str:
    if doi:
        return f"https://doi.org/{doi}"
    if arxiv_id:
        return f"https://arxiv.org/abs/{arxiv_id}"
    if pmid:
        return f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/"
    address = text(given)
    return address if re.fullmatch(r"https?://\S+", address) else ""


def inside(record: object, *keys: str) -> Any:
    """The value at a path of nested objects; None where the path ends early."""
    for key in keys:
        record = record.get(key) if isinstance(record, dict) else None
    return record


def objects(value: object) -> list[dict[str, Any]]:
    """The objects in a list; nothing for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def strings(value: object) -> list[str]:
    """The strings in a list; a string as the only one; nothing for anything else."""
    values = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [item for item in values if isinstance(item, str)]

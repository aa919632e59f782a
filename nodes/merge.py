"""Stage 3, first half: one record a paper, however many sources found it.

Two records are one paper when they share a DOI, arXiv id or PMID, or when their titles nearly agree, their years are
at most one apart and their first authors have the same family name; a record that lacks year or authors is judged by
the rest. The relation is closed transitively (union-find), so a preprint and its journal version become one paper,
and neither the order of the sources nor that of their answers matters.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations, product
from typing import Any, NamedTuple, cast

from rapidfuzz.fuzz import ratio

from threadloom.state.papers import Author, Paper, TextOrigin
from threadloom.state.research import ResearchState

SIMILAR = 93
"""Percent of two titles' characters that must agree: forgives a typo or a changed article, not a changed subject."""
PREPRINT_YEARS = 4
"""How long journals may take to print what was a preprint."""
SHORT_TITLE = 4
"""Titles of fewer words, such as "Editorial", identify a paper only together with its author and year."""
USEFUL_ABSTRACT = 200
"""Characters; a source's shorter text is a teaser, and the bundled summary says more."""
APART = re.compile(
    r"\d+|i|ii|iii|iv|v|vi|vii|viii|ix|x|correction|corrigendum|erratum|retracted|retraction|reply|response|comment|comments"
)
"""Words of a title that one character or prefix may change and that make it another paper (parts, numbers, notices)."""


def merge(state: ResearchState) -> dict[str, Any]:
    """Node: `hits` of all sources → `papers`."""
    return {"papers": merge_hits(state["hits"])}


def merge_hits(hits: Mapping[str, Sequence[Paper]]) -> list[Paper]:
    """One record for each paper, those ranked highest by any source first. Deterministic for any order of `hits`.

    Repeated until nothing changes: a record completed by another may agree with a third that neither agreed with.
    """
    papers = list(chain.from_iterable(hits.values()))
    while (merged := _merged(papers)) != papers:
        papers = merged
    return merged


def _merged(papers: Sequence[Paper]) -> list[Paper]:
    trusted_first = sorted(papers, key=_preference)
    united = [_united(group) for group in _groups(trusted_first)]
    return sorted(united, key=lambda paper: (min(paper["found"].values(), default=0), paper["id"]))


def _groups(papers: Sequence[Paper]) -> Iterable[list[Paper]]:
    """Equivalence classes of the records, each in the order of `papers`."""
    parent = list(range(len(papers)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for one, other in chain(_same_ids(papers), _same_titles(papers)):
        parent[root(one)] = root(other)
    groups: dict[int, list[Paper]] = defaultdict(list)
    for index, paper in enumerate(papers):
        groups[root(index)].append(paper)
    return groups.values()


def _same_ids(papers: Sequence[Paper]) -> Iterator[tuple[int, int]]:
    first: dict[tuple[str, str], int] = {}
    for index, paper in enumerate(papers):
        for kind in ("id", "doi", "arxiv_id", "pmid"):
            if value := paper[kind]:
                yield index, first.setdefault((kind, value), index)


class _Signature(NamedTuple):
    """What the records of one paper have in common when they share no identifier."""

    title: str
    author: str
    year: int | None
    preprint: bool


def _same_titles(papers: Sequence[Paper]) -> Iterator[tuple[int, int]]:
    """Pairs whose titles agree; only records of one first author are compared, and those without any with all."""
    signatures = [_signature(paper) for paper in papers]
    blocks: dict[str, list[int]] = defaultdict(list)
    for index, signature in enumerate(signatures):
        if signature.title:
            blocks[signature.author].append(index)
    unsigned = blocks.pop("", [])
    pairs = chain(
        chain.from_iterable(combinations(block, 2) for block in blocks.values()),
        combinations(unsigned, 2),
        product(unsigned, chain.from_iterable(blocks.values())),
    )
    return ((one, other) for one, other in pairs if _agree(signatures[one], signatures[other]))


def _signature(paper: Paper) -> _Signature:
    """The author is the last word of the first one's family name, so that "van der Berg" meets "Berg"."""
    names = _plain(paper["authors"][0]["family"]).split() if paper["authors"] else []
    return _Signature(_plain(paper["title"]), names[-1] if names else "", paper["year"], _is_preprint(paper))


def _agree(one: _Signature, other: _Signature) -> bool:
    same_author = one.author == other.author != ""
    if one.year is None or other.year is None:
        if not same_author:
            return False
    elif abs(one.year - other.year) > (PREPRINT_YEARS if one.preprint != other.preprint else 1):
        return False
    if not same_author and len(one.title.split()) < SHORT_TITLE:
        return False
    return ratio(one.title, other.title, score_cutoff=SIMILAR) > 0 and _apart(one.title) == _apart(other.title)


def _apart(title: str) -> list[str]:
    return sorted(word for word in title.split() if APART.fullmatch(word))


def _plain(text: str) -> str:
    """Lower case, without accents and punctuation."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"\w+", "".join(char for char in decomposed if not unicodedata.combining(char))))


def _preference(paper: Paper) -> tuple[Any, ...]:
    """Sort key, the record to trust for bibliography first: published before preprint, then the more complete."""
    blanks = sum(not value for value in paper.values())
    return (_is_preprint(paper), blanks, paper["id"], repr(sorted(paper.items())))


def _is_preprint(paper: Paper) -> bool:
    return paper["kind"] == "article" or not paper["doi"] or paper["doi"].startswith("10.48550/")


def _united(group: Sequence[Paper]) -> Paper:
    """One record of many: the preferred one, its gaps filled from the next."""
    if len(group) == 1:
        return group[0]
    records: list[dict[str, Any]] = [dict(paper) for paper in group]
    united = {key: next((record[key] for record in records if record[key]), value) for key, value in records[0].items()}
    text, origin = _text(group)
    known = [count for paper in group if (count := paper["citations"]) is not None]
    words = {word.casefold(): word for paper in reversed(group) for word in paper["keywords"]}
    better = {
        "id": _id(united),
        "abstract": text,
        "text_origin": origin,
        "authors": max((paper["authors"] for paper in group), key=_completeness),
        "keywords": list(words.values()),
        "citations": max(known, default=None),
        "found": _found(group),
    }
    return cast("Paper", united | better)


def _id(united: Mapping[str, Any]) -> str:
    kinds = (("doi", "doi"), ("arxiv", "arxiv_id"), ("pmid", "pmid"))
    return next((f"{kind}:{united[key]}" for kind, key in kinds if united[key]), united["id"])


def _text(group: Sequence[Paper]) -> tuple[str, TextOrigin]:
    """The longest abstract of a source, else the library's summary, else the longest of what is left.

    The authors' own words come first because findings quote them, and a reader can look the quotation up in the paper.
    """
    abstracts = [paper for paper in group if paper["text_origin"] == "abstract"]
    summaries = [paper for paper in group if paper["text_origin"] == "library summary"]
    useful = [paper for paper in abstracts if len(paper["abstract"]) >= USEFUL_ABSTRACT]
    best = max(useful or summaries or group, key=lambda paper: len(paper["abstract"]))
    return best["abstract"], best["text_origin"]


def _completeness(authors: Sequence[Author]) -> tuple[int, int]:
    return len(authors), sum(len(author["given"]) for author in authors)


def _found(group: Sequence[Paper]) -> dict[str, int]:
    ranks: dict[str, int] = {}
    for source, rank in chain.from_iterable(paper["found"].items() for paper in group):
        ranks[source] = min(rank, ranks.get(source, rank))
    return dict(sorted(ranks.items()))

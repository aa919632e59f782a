"""Stage 3, second half: which papers to read, and why.

Two questions are kept apart. The gate asks of each paper whether it is about the question at all; an unanswerable
question must keep nothing. The order asks which of them to read first: reciprocal rank fusion (Cormack, Clarke and
Büttcher 2009) of relevance, the sources' own ranking, recency and citations.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from threadloom.models.extractive.text import words
from threadloom.nodes.relevance import PaperTerms, Relevance, alternatives, relevance
from threadloom.state.papers import Paper, Verdict
from threadloom.state.research import Plan, ResearchState
from threadloom.tools.fulltext import Document, FullTextIndex, search_words, stems

ENOUGH = 0.66
"""Relevance a paper must have to be about the question."""
NEAR_BEST = 0.94
"""Share of the best paper's relevance that one must have to be read beside it."""
RRF_K = 60
CRITERIA: Mapping[str, float] = {"relevance": 2.0, "source": 1.0, "recency": 0.5, "citations": 0.5}
"""Weights in the fusion; recency and citations together count as much as what the sources think."""
DEFAULT_PAPERS = 8


@dataclass(frozen=True)
class Candidate:
    """One paper on its way through the ranking."""

    paper: Paper
    relevances: tuple[Relevance, ...]
    """To the whole question, then to each of its alternatives."""
    ranks: dict[str, int]
    score: float


def rank(state: ResearchState) -> dict[str, Any]:
    """Node: `papers` as merged → `papers`, best first, and `verdicts` in the same order."""
    wanted = state.get("max_papers", DEFAULT_PAPERS)
    papers, verdicts = rank_papers(state["question"], state["plan"], state["papers"], wanted)
    return {"papers": papers, "verdicts": verdicts}


def rank_papers(
    question: str, plan: Plan, papers: Sequence[Paper], max_papers: int
) -> tuple[list[Paper], list[Verdict]]:
    """All papers, those to read first, and one verdict for each in the same order; at most `max_papers` are kept."""
    candidates = sorted(_candidates(question, plan, papers), key=lambda c: (-c.score, c.paper["id"]))
    spellings = {stem: word for word in words(question) for stem in stems(word)}
    fit = [c for c in candidates if not _unfit(c.paper, plan)]
    bars = [
        max(ENOUGH, *(NEAR_BEST * _gated(found) for found in column))
        for column in zip(*(c.relevances for c in fit), strict=True)
    ]
    verdicts: dict[str, Verdict] = {}
    kept = 0
    for candidate in candidates:
        reason = _unfit(candidate.paper, plan) or _irrelevant(candidate.relevances, bars, spellings)
        if not reason and kept == max_papers:
            reason = f"beyond the {max_papers} best"
        kept += not reason
        verdicts[candidate.paper["id"]] = _verdict(candidate, reason, len(candidates))
    ordered = sorted(candidates, key=lambda c: not verdicts[c.paper["id"]]["kept"])
    return [c.paper for c in ordered], [verdicts[c.paper["id"]] for c in ordered]


def _candidates(question: str, plan: Plan, papers: Sequence[Paper]) -> Iterable[Candidate]:
    read = [PaperTerms(paper) for paper in papers]
    readings = alternatives(question)
    relevances = [
        (_relevance(question, plan["key_terms"], terms), *(relevance(reading, terms) for reading in readings))
        for terms in read
    ]
    ranks = {
        "relevance": _relevance_ranks(question, plan["key_terms"], papers, relevances),
        "source": _ranks(papers, lambda paper: -min(paper["found"].values()) if paper["found"] else None),
        "recency": _ranks(papers, lambda paper: paper["year"]),
        "citations": _ranks(papers, lambda paper: paper["citations"]),
    }
    for position, paper in enumerate(papers):
        own = {name: of[position] for name, of in ranks.items() if position in of}
        yield Candidate(paper, relevances[position], own, _fused(own, len(papers)))


def _relevance(question: str, key_terms: Sequence[str], paper: PaperTerms) -> Relevance:
    """To the question's own words, or to what the planner calls its subject, whichever is higher.

    The planner's terms count only where it found a name that the question does not use (or translated it), and then
    its two most specific ones together: broader ones fit too many papers.
    """
    asked = relevance(stems(question), paper)
    named = [relevance(stems(term), paper) for term in key_terms[:2]]
    if not key_terms or set(stems(key_terms[0])) <= set(stems(question)) or not all(r.anchored for r in named):
        return asked
    planned = sum(r.score for r in named) / len(named)
    best = max(named, key=lambda r: r.score)
    return Relevance(planned, (*asked.shared, *best.shared), asked.missing, True) if planned > asked.score else asked


def _relevance_ranks(
    question: str, key_terms: Sequence[str], papers: Sequence[Paper], relevances: Sequence[Sequence[Relevance]]
) -> dict[int, int]:
    """Position to rank by coverage of the question and BM25 together, 1 is best."""
    index = FullTextIndex(Document(p["title"], ", ".join(p["keywords"]), p["abstract"]) for p in papers)
    found = index.search((*key_terms, *search_words(question)), len(papers))
    by_text = {position: place for place, position in enumerate(found)}
    by_coverage = sorted(range(len(papers)), key=lambda position: -sum(r.score for r in relevances[position]))
    places = {position: place + by_text.get(position, len(papers)) for place, position in enumerate(by_coverage)}
    ordered = sorted(places, key=lambda position: (places[position], papers[position]["id"]))
    return {position: place for place, position in enumerate(ordered, 1)}


def _ranks(papers: Sequence[Paper], value: Callable[[Paper], int | None]) -> dict[int, int]:
    """Position to rank, highest value first; equal values share a rank, and unknown ones have none."""
    values = {position: known for position, paper in enumerate(papers) if (known := value(paper)) is not None}
    ordered = sorted(values.values(), reverse=True)
    return {position: 1 + ordered.index(known) for position, known in values.items()}


def _fused(ranks: Mapping[str, int], papers: int) -> float:
    """Weighted reciprocal rank fusion; where a paper has no rank it gets the middle one, neither praise nor blame."""
    middle = (papers + 1) / 2
    return sum(weight / (RRF_K + ranks.get(name, middle)) for name, weight in CRITERIA.items())


def _gated(found: Relevance) -> float:
    return found.score if found.anchored else 0.0


def _unfit(paper: Paper, plan: Plan) -> str:
    """Why a paper cannot be read for this question, whatever it is about; empty if it can."""
    year, first, last = paper["year"], plan["year_from"], plan["year_to"]
    if year is not None and not (first or year) <= year <= (last or year):
        return f"outside {first or '…'}–{last or '…'}"
    return "" if paper["abstract"].strip() else "no text to read"


def _irrelevant(relevances: Sequence[Relevance], bars: Sequence[float], spellings: Mapping[str, str]) -> str:
    """Why a paper is about neither the question nor one of its alternatives; empty if it is."""
    if any(_gated(found) >= bar for found, bar in zip(relevances, bars, strict=True)):
        return ""
    found = relevances[0]
    shared, missing = (_quoted(stems, spellings) for stems in (found.shared, found.missing))
    if not shared:
        return "shares no word with the question"
    if found.missing:
        return f"shares only {shared} with the question, not {missing}"
    return f"mentions {shared} in passing only" if _gated(found) < ENOUGH else "less to the point than the best papers"


def _quoted(shared: Sequence[str], spellings: Mapping[str, str]) -> str:
    return ", ".join(dict.fromkeys(f"“{spellings[stem]}”" for stem in shared[:4] if stem in spellings))


def _verdict(candidate: Candidate, reason: str, papers: int) -> Verdict:
    return Verdict(
        paper_id=candidate.paper["id"],
        kept=not reason,
        reason=f"dropped: {reason}" if reason else _praise(candidate, papers),
        score=round(candidate.score, 6),
        ranks=candidate.ranks,
    )


def _praise(candidate: Candidate, papers: int) -> str:
    sources = len(candidate.paper["found"])
    parts = [f"relevance {_ordinal(candidate.ranks['relevance'])} of {papers}"]
    if sources > 1:
        parts.append(f"in {sources} sources")
    if cited := candidate.paper["citations"]:
        parts.append(f"{cited:,} citation{'s' if cited > 1 else ''}")
    return "; ".join(parts)


def _ordinal(number: int) -> str:
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"

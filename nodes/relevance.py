"""Is a paper about the question? Weighted coverage of the question's words, with the library as background.

A ranking always has a first place, also when nothing fits; this judges each paper by itself. A paper scores the share
of the question's weight that it covers. Weights are inverse document frequencies (Spärck Jones 1972) in the bundled
library, which spans many fields, so that "mRNA" counts for much and "risk" for little, also when every one of a
hundred candidates from a database holds both. Neighbouring words of the question count once more as a pair, so that
"dark matter" is not covered by a paper on dark energy in which matter occurs.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import log, sqrt

from threadloom.models.extractive.text import FILLER_STEMS, stem
from threadloom.nodes.common_words import COMMON_WORDS
from threadloom.state.papers import Paper
from threadloom.tools.fulltext import stems
from threadloom.tools.library.catalogue import bundled

COMMON_STEMS = FILLER_STEMS | {stem(word) for word in COMMON_WORDS.split()}
COMMON_WEIGHT = 0.35
COMMON_MISSED = 0.1
"""Weight of a common word relative to a topical one, where the paper has it and where it does not."""
PAIR_WEIGHT = 0.5
"""Weight of a pair relative to the geometric mean of its words' weights."""
NEAR = 3
"""Content words that may lie between the two of a pair."""
NAMED, TWICE, ONCE = 1.0, 0.85, 0.7
"""How far a word is covered by a paper that names it, has it twice in its text, has it once."""
OFTEN = 3
"""A paper names a word in its title, in its keywords, or by repeating it this often."""
UNSEEN = 0.5
"""Papers of the library that are taken to hold a word that none holds: it may be rare, or only not to be found here."""
INFLECTED = 0.7
"""How far a word is covered by one that begins the same ("econom", "economi")."""
BEGINNING = 5
"""Letters that two words must share to begin the same."""


@dataclass(frozen=True)
class Relevance:
    """How far one paper covers a question."""

    score: float
    """0 to 1."""
    shared: tuple[str, ...]
    """Stems of the question that the paper has, the weightiest first."""
    missing: tuple[str, ...]
    """Stems it has not, the weightiest first."""
    anchored: bool
    """Whether the paper names a topical word of the question, or at least mentions one that hardly any paper has."""


class PaperTerms:
    """The content words of a paper, by place."""

    def __init__(self, paper: Paper) -> None:
        self._heading = {word for part in (paper["title"], *paper["keywords"]) for word in stems(part)}
        parts = (paper["title"], *paper["keywords"], paper["abstract"])
        self._sequence = [word for part in parts for word in (*stems(part), "")]
        self._counts = Counter(self._sequence)
        del self._counts[""]
        self._by_beginning: dict[str, list[str]] = defaultdict(list)
        for word in self._counts:
            self._by_beginning[word[:BEGINNING]].append(word)

    @property
    def all(self) -> Iterable[str]:
        """Every content word once."""
        return self._counts.keys()

    def covers(self, word: str) -> float:
        """How far the paper is about `word`: 0 (not at all) to 1."""
        return self._exactly(word) or INFLECTED * max(map(self._exactly, self._inflections(word)), default=0.0)

    def names(self, word: str) -> bool:
        """Whether the paper is about `word`, and not only mentions it."""
        return any(self._exactly(other) == NAMED for other in (word, *self._inflections(word)))

    def _exactly(self, word: str) -> float:
        count = self._counts[word]
        if word in self._heading or count >= OFTEN:
            return NAMED
        return TWICE if count > 1 else ONCE * count

    def _inflections(self, word: str) -> Iterable[str]:
        return (other for other in self._by_beginning.get(word[:BEGINNING], ()) if _begin_alike(word, other))

    def covers_pair(self, one: str, other: str) -> float:
        """1 if the two words stand near each other somewhere in the paper."""
        spots = [spot for spot, word in enumerate(self._sequence) if word == one]
        return float(any(other in self._sequence[max(0, spot - NEAR) : spot + NEAR + 1] for spot in spots))


def _begin_alike(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return len(short) >= max(BEGINNING, 0.7 * len(long)) and long.startswith(short)


def relevance(question: Sequence[str], paper: PaperTerms) -> Relevance:
    """How far `paper` covers the question whose content words, in order, are `question`."""
    words = dict.fromkeys(question)
    covered = {word: paper.covers(word) for word in words}
    units = [(weight(word), covered[word], word in COMMON_STEMS) for word in words]
    for one, other in pairwise(question):
        if one != other:
            both = covered[one] and covered[other] and paper.covers_pair(one, other)
            units.append((PAIR_WEIGHT * sqrt(weight(one) * weight(other)), both, {one, other} <= COMMON_STEMS))
    whole = sum(w * (COMMON_MISSED / COMMON_WEIGHT if common and not hit else 1) for w, hit, common in units)
    heavy = sorted(words, key=weight, reverse=True)
    topical = [word for word in words if word not in COMMON_STEMS] or heavy
    return Relevance(
        score=sum(w * hit for w, hit, _ in units) / whole if whole else 0.0,
        shared=tuple(word for word in heavy if covered[word]),
        missing=tuple(word for word in heavy if not covered[word]),
        anchored=any(paper.names(word) or (covered[word] and _is_rare(word)) for word in topical),
    )


def weight(word: str) -> float:
    """How specific a stem is: its inverse document frequency in the library, little for common words."""
    papers, frequency = _background()
    idf = log((papers + 1) / (frequency[word] or UNSEEN))
    return idf * (COMMON_WEIGHT if word in COMMON_STEMS else 1.0)


def _is_rare(word: str) -> bool:
    return _background()[1][word] <= 1


@cache
def _background() -> tuple[int, Counter[str]]:
    papers = [PaperTerms(paper) for paper in bundled()]
    return len(papers), Counter(word for paper in papers for word in paper.all)

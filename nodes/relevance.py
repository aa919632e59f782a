"""Is a paper about the question? Weighted coverage of the question's words, with the library as background.

A ranking always has a first place, also when nothing fits; this judges each paper by itself. A paper scores the share
of the question's weight that it covers. Weights are inverse document frequencies (Spärck Jones 1972) in the bundled
library, which spans many fields, so that "mRNA" counts for much and "risk" for little, also when every one of a
hundred candidates from a database holds both. Ordinary English weighs little whether or not the library has it; a
specific word that it has not weighs the most, which is what leaves unanswerable questions without papers. A
near-synonym covers a word almost as well as the word itself. Neighbouring words of the question count once more as a
pair, so that "dark matter" is not covered by a paper on dark energy in which matter occurs.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, takewhile
from math import log, sqrt

from threadloom.models.extractive.lexicon import VERBS
from threadloom.models.extractive.text import FILLER_STEMS, NEAR_SYNONYMS, is_named, stem
from threadloom.nodes.common_words import COMMON_WORDS
from threadloom.state.papers import Paper
from threadloom.tools.fulltext import stems
from threadloom.tools.library.catalogue import bundled

COMMON_STEMS = FILLER_STEMS | {stem(word) for word in COMMON_WORDS.split()}
COMMON_WEIGHT, COMMON_MISSED = 0.35, 0.1
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
SYNONYM = 0.95
"""How far a word is covered by a near-synonym."""
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
        parts = [stems(part) for part in (paper["title"], *paper["keywords"], paper["abstract"])]
        self._heading = {form for part in parts[:-1] for word in part for form in (word, concept(word))}
        self._sequence = [concept(word) for part in parts for word in (*part, "")]
        self._counts = Counter(word for part in parts for word in part)
        self._concepts = Counter(self._sequence)
        del self._concepts[""]
        self._by_beginning: dict[str, list[str]] = defaultdict(list)
        for word in self._counts:
            self._by_beginning[word[:BEGINNING]].append(word)

    @property
    def concepts(self) -> Iterable[str]:
        """Every content word once, near-synonyms as one."""
        return self._concepts.keys()

    def covers(self, word: str) -> float:
        """How far the paper is about `word`: 0 (not at all) to 1."""
        synonym = SYNONYM * self._degree(concept(word), self._concepts)
        inflection = INFLECTED * max(
            (self._degree(other, self._counts) for other in self._inflections(word)), default=0
        )
        return max(self._degree(word, self._counts), synonym, inflection)

    def names(self, word: str) -> bool:
        """Whether the paper is about `word`, and not only mentions it."""
        same = (word, *self._inflections(word))
        return self._degree(concept(word), self._concepts) == NAMED or any(
            self._degree(other, self._counts) == NAMED for other in same
        )

    def _degree(self, word: str, counts: Counter[str]) -> float:
        count = counts[word]
        if count and (word in self._heading or count >= OFTEN):
            return NAMED
        return TWICE if count > 1 else ONCE * count

    def _inflections(self, word: str) -> Iterable[str]:
        return (other for other in self._by_beginning.get(word[:BEGINNING], ()) if _begin_alike(word, other))

    def covers_pair(self, one: str, other: str) -> float:
        """1 if the two words, or near-synonyms of theirs, stand near each other somewhere in the paper."""
        one, other = concept(one), concept(other)
        spots = [spot for spot, word in enumerate(self._sequence) if word == one]
        return float(any(other in self._sequence[max(0, spot - NEAR) : spot + NEAR + 1] for spot in spots))


def concept(word: str) -> str:
    """The stem that stands for a stem and its near-synonyms."""
    return NEAR_SYNONYMS.get(word, word)


def _begin_alike(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return len(short) >= max(BEGINNING, 0.7 * len(long)) and long.startswith(short)


def relevance(question: Sequence[str], paper: PaperTerms) -> Relevance:
    """How far `paper` covers the question whose content words, in order, are `question`."""
    words = dict.fromkeys(question)
    covered = {word: paper.covers(word) for word in words}
    units = [(weight(word), covered[word], _is_common(word)) for word in words]
    for one, other in pairwise(question):
        if one != other:
            both = covered[one] and covered[other] and paper.covers_pair(one, other)
            units.append((PAIR_WEIGHT * sqrt(weight(one) * weight(other)), both, _is_common(one) or _is_common(other)))
    whole = sum(w * (COMMON_MISSED / COMMON_WEIGHT if common and not hit else 1) for w, hit, common in units)
    heavy = sorted(words, key=weight, reverse=True)
    topical = [word for word in words if not _is_common(word)] or heavy
    return Relevance(
        score=sum(w * hit for w, hit, _ in units) / whole if whole else 0.0,
        shared=tuple(word for word in heavy if covered[word]),
        missing=tuple(word for word in heavy if not covered[word]),
        anchored=any(paper.names(word) or (covered[word] and _is_rare(word)) for word in topical),
    )


def alternatives(question: str) -> list[list[str]]:
    """Content words of the question with one of its coordinated subjects at a time; none if it has no coordination.

    "Does aspirin or a statin prevent strokes?" asks of aspirin and strokes, and of a statin and strokes. What is joined
    by "and" is taken apart only if there is something else that each part is asked with, since "sleep and memory" or
    "the link between sleep and memory" asks for both. "Tabs or spaces?" asks nothing else, so each alone is anything;
    a name ("BERT vs. GPT-3") is not.
    """
    tokens = _TOKEN.findall(question)
    for spot, token in enumerate(tokens):
        if token.lower() in _JOINING:
            first, parts = _coordinated(tokens, spot)
            last = parts[-1].stop if parts else spot
            frame = stems(" ".join(tokens[:first] + tokens[last:]))
            asks = not all(map(_is_common, frame))
            apart = (
                asks and not _between(tokens[:first]) if token.lower() == "and" else bool(frame) or is_named(question)
            )
            if len(parts) > 1 and apart:
                alone = ([*tokens[:first], *tokens[part.start : part.stop], *tokens[last:]] for part in parts)
                return [stems(" ".join(one)) for one in alone]
    return []


def _between(before: Sequence[str]) -> bool:
    return "between" in [token.lower() for token in before[-3:]]


def _coordinated(tokens: Sequence[str], spot: int) -> tuple[int, list[range]]:
    """Where the coordination around the conjunction at `spot` begins, and its parts as ranges of tokens."""
    start = spot + 1 + (tokens[spot + 1 : spot + 2] == ["."])
    start += sum(1 for _ in takewhile(_is_article, tokens[start:]))
    parts = [range(start, start + sum(1 for _ in takewhile(_nominal, tokens[start:])))]
    end = spot - (tokens[spot - 1 : spot] == [","])
    while part := sum(1 for _ in takewhile(_nominal, reversed(tokens[:end]))):
        parts.insert(0, range(end - part, end))
        end -= part
        before = end - sum(1 for _ in takewhile(_is_article, reversed(tokens[:end])))
        if tokens[before - 1 : before] != [","]:
            break
        end = before - 1
    return parts[0].start, parts if parts[-1] else []


def _is_article(token: str) -> bool:
    return token.lower() in {"a", "an", "the"}


def _nominal(token: str) -> bool:
    return bool(stems(token)) and token.lower() not in VERBS


_TOKEN = re.compile(r"[^\W_]+(?:[-'’‐‑–][^\W_]+)*|[^\w\s]")
_JOINING = {"or", "and", "versus", "vs"}


def weight(word: str) -> float:
    """How specific a stem is: its inverse document frequency in the library, little for common words."""
    papers, frequency = _background()
    idf = log((papers + 1) / (frequency[concept(word)] or UNSEEN))
    return idf * (COMMON_WEIGHT if _is_common(word) else 1.0)


def _is_common(word: str) -> bool:
    """Ordinary English, its comparative and superlative, or an ordinal or a decade ("20th", "1990s")."""
    forms = (word, word.removesuffix("er"), word.removesuffix("est"), word.removesuffix("r"), word.removesuffix("st"))
    return not COMMON_STEMS.isdisjoint(forms) or re.fullmatch(r"\d+(?:st|nd|rd|th|s)?", word) is not None


def _is_rare(word: str) -> bool:
    return _background()[1][concept(word)] <= 1


@cache
def _background() -> tuple[int, Counter[str]]:
    papers = [PaperTerms(paper) for paper in bundled()]
    return len(papers), Counter(word for paper in papers for word in paper.concepts)

"""Text in, words out: sentences, words, stems, terms and key phrases of (mainly English) scientific prose.

Everything here is a pure function of its arguments; other parts of the house may import it.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache
from math import log
from unicodedata import normalize

from snowballstemmer.english_stemmer import EnglishStemmer  # type: ignore[import-untyped]  # ships no types

from threadloom.models.extractive.lexicon import (
    ABBREVIATIONS,
    BEFORE_NUMBER,
    FILLER_NOUNS,
    FILLERS,
    LETTERED,
    PHRASES,
    SIZES,
    STARTERS,
    STOP_WORDS,
    SYNONYMS,
    VARIANTS,
)

_STOP = re.compile(
    r"(?P<end>[.!?…]+[)\]\"'”’»]*)(?=\s|$)"
    r"|(?P<glued>(?<=[a-z)%\d])[.])(?=[A-Z]{4,}|(?:Background|Methods?|Results?|Conclusions?|Findings|"
    r"Interpretation|Objectives?|Discussion)[A-Z\s:]|[A-Z][a-z]+(?: [a-z]+){0,3}:|(?<=[a-z]{3}[.])[A-Z][a-z]+ )"
    r"|(?P<hard>[。！？]+|\n\s*\n|\n(?=\s*[-*•] ))"
)
_WORD = re.compile(r"(?:[A-Za-z]\.){2,}|[^\W_]+(?:[-‐‑–'’][^\W_]+|\.\d+)*")
_NAMED = re.compile(r"[^\W\d_]*[A-Z0-9][\w-]*[A-Z0-9]|[^\W\d_]+-?\d|\w+[-‐‑]\w+")


def sentences(text: str) -> list[str]:
    """Sentences of `text`, in order; each is a verbatim part of it without surrounding white space.

    Abbreviations, initials, decimals, "et al." and "U.S." do not end one; a blank line does.
    """
    found, start = [], 0
    for stop in _STOP.finditer(text):
        if stop["hard"] or stop["glued"] or _ends(text[start : stop.start()], stop["end"], text[stop.end() :]):
            found.append(text[start : stop.end()].strip())
            start = stop.end()
    return [sentence for sentence in [*found, text[start:].strip()] if sentence]


def _ends(before: str, mark: str, rest: str) -> bool:
    """Whether the full stop `mark` between `before` and `rest` ends a sentence."""
    after = rest[:80].lstrip()
    if not after:
        return True
    first = after.split(maxsplit=1)[0]
    if after[0] in ",;:)" or (after[0].islower() and not any(c.isupper() or c.isdigit() for c in first)):
        return False
    return mark != "." or not _abbreviated(before, first)


def _abbreviated(before: str, first: str) -> bool:
    """Whether the word at the end of `before` is an abbreviation whose full stop does not end the sentence."""
    tokens = before[-60:].split()
    if not tokens:
        return True
    word = tokens[-1].lstrip("([\"'“‘")
    if word.lower() in ABBREVIATIONS or (len(tokens) == 1 == len(before.split()) and word.isdigit()):
        return True
    if word.lower() in BEFORE_NUMBER:
        return first[0].isdigit()
    if re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]", word):
        return first.rstrip(",") not in STARTERS
    return len(word) == 1 and word.isupper() and not (len(tokens) > 1 and tokens[-2].lower() in LETTERED)


def words(text: str) -> list[str]:
    """Words of `text` as they stand; hyphenated terms, decimals and "U.S." stay whole."""
    return _WORD.findall(text)


def fold(word: str) -> str:
    """Lower case without compatibility characters, possessive or dots: "CO₂'s" and "co2" are one."""
    folded = re.sub(r"['’]s?$", "", normalize("NFKC", word).lower()).replace("‐", "-").replace("‑", "-")
    return re.sub(r"(?<=[a-z])\.", "", folded)


def is_stop(word: str) -> bool:
    """Whether `word` is grammar only; "US" and "IT" in capitals are not."""
    return fold(word) in STOP_WORDS and word.replace(".", "") not in {"US", "IT", "WHO", "AM"}


_VARIANT = re.compile("|".join(VARIANTS))


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Snowball (Porter 2) stem of one word, British spelling folded into American. Safe from any thread."""
    folded = fold(word)
    if len(folded) > 5:
        folded = re.sub(r"is(?=(?:e[ds]?|ing|ations?)$)", "iz", folded)
        folded = re.sub(r"our(?=(?:s|al|ed|ing)?$)", "or", folded)
        folded = _VARIANT.sub(lambda match: VARIANTS[match[0]], folded)
    stemmed: str = EnglishStemmer().stemWord(folded)  # an instance keeps state, so threads must not share one
    return stemmed


def terms(text: str) -> list[str]:
    """Stems of the content words of `text`, in order, repeats kept; parts of hyphenated words count singly."""
    return list(_terms(text))


_PHRASE = re.compile(rf"\b(?:{'|'.join(PHRASES)})\b".replace(" ", r"\s+"), re.IGNORECASE)


def _terms(text: str) -> Iterator[str]:
    for word in words(_PHRASE.sub(" ", text)):
        if not is_stop(word):
            for part in re.split(r"[-‐‑–]", word):
                if len(part) > 1 and not part.replace(".", "").isdigit() and not is_stop(part):
                    yield stem(part)


FILLER_STEMS = frozenset(stem(word) for word in FILLERS | FILLER_NOUNS | SIZES)
NEAR_SYNONYMS = {
    stem(word): stem(group.split()[0]) for group in reversed(SYNONYMS.split(";")) for word in reversed(group.split())
}
"""Stem to the stem it is compared as; of two groups that claim a stem the first has it."""


def topical(text: str) -> list[str]:
    """`terms` without research filler ("effect", "study", "increase"), unless nothing else is left."""
    found = terms(text)
    return [term for term in found if term not in FILLER_STEMS] or found


def concepts(text: str) -> list[str]:
    """`topical` with near-synonyms as one ("jobs" and "employment"): for comparing sentences, not for searching."""
    return [NEAR_SYNONYMS.get(term, term) for term in topical(text)]


def weights(texts: Iterable[Collection[str]]) -> dict[str, float]:
    """Inverse document frequency of each term: log(1 + N / texts that hold it) (Spärck Jones 1972)."""
    counts: Counter[str] = Counter()
    total = 0
    for text in texts:
        total += 1
        counts.update(sorted(set(text)))
    return {term: log(1 + total / count) for term, count in counts.items()}


def overlap(a: Collection[str], b: Collection[str], weight: dict[str, float] | None = None) -> float:
    """Weighted share of `a`'s distinct terms that `b` has too: 0 to 1."""
    weight = weight or {}
    whole = {term: weight.get(term, 1.0) for term in sorted(set(a))}
    total = sum(whole.values())
    return sum(value for term, value in whole.items() if term in set(b)) / total if total else 0.0


def is_filler(word: str) -> bool:
    """Whether a phrase of content words ends at `word`: grammar or a generic word."""
    return is_stop(word) or fold(word) in FILLERS


def key_phrases(text: str, breaks: Callable[[str], bool] = is_filler) -> list[str]:
    """Runs of content words as they stand in `text`, in order; a run ends at punctuation or where `breaks(word)`.

    The candidate phrases of RAKE (Rose et al. 2010). A leading filler noun ("role", "effect") is not part of a run.
    """
    matches = list(_WORD.finditer(text))
    runs: list[list[re.Match[str]]] = [[]]
    for match in matches:
        if runs[-1] and text[runs[-1][-1].end() : match.start()].strip(" \t\r\n"):
            runs.append([])
        if (breaks(match[0]) and not _in_name(text, match)) or (
            not runs[-1] and fold(match[0]) in FILLER_NOUNS and not _modifies(text, match.end())
        ):
            runs.append([])
        else:
            runs[-1].append(match)
    whole = [_without_size(run) for run in runs]
    return [squeeze(text[run[0].start() : run[-1].end()]) for run in whole if run and _solid(run)]


def _without_size(run: list[re.Match[str]]) -> list[re.Match[str]]:
    """A run that does not end in an adjective of size."""
    while run and fold(run[-1][0]) in SIZES:
        run = run[:-1]
    return run


def _in_name(text: str, match: re.Match[str]) -> bool:
    """Whether a filler word begins a name ("New Jersey", "Large Hadron Collider")."""
    following = _WORD.match(text, match.end() + 1)
    return following is not None and match[0].istitle() and following[0].istitle() and fold(match[0]) in FILLERS


def _modifies(text: str, end: int) -> bool:
    """Whether the word ending at `end` is directly followed by a content word ("role models")."""
    following = _WORD.match(text, end + 1)
    return following is not None and not is_filler(following[0])


def _solid(run: list[re.Match[str]]) -> bool:
    return any(len(word[0]) > 1 and any(c.isalpha() for c in word[0]) for word in run)


def is_named(word: str) -> bool:
    """Whether `word` is an acronym, a hyphenated term or has a digit: "GDP", "Covid-19", "p53"."""
    return _NAMED.search(word) is not None


def capitalise(text: str) -> str:
    """First letter in upper case, unless the first word has its own spelling ("mRNA", "p53", "n-3")."""
    first = words(text)[:1]
    own = bool(first) and (any(c.isupper() or c.isdigit() for c in first[0]) or re.match(r"[^\W_]-", first[0]))
    return text if own or not text else text[0].upper() + text[1:]


def lower_first(text: str) -> str:
    """First letter in lower case where the first word is an ordinary capitalised one."""
    return text[0].lower() + text[1:] if re.match(r"[A-Z][a-z]+\b(?!-[A-Z\d])", text) else text


def squeeze(text: str) -> str:
    """White space runs as single spaces."""
    return " ".join(text.split())

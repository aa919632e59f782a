"""Is a claim carried by words that are really there?"""

import re

from threadloom.models.extractive.text import sentences

_TYPOGRAPHY = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-", "‐": "-", "‑": "-"})
_NEGATION = re.compile(
    r"\b(?:not?|never|neither|nor|without|cannot|fail(?:s|ed)? to|lack(?:s|ed)?)\b|n't\b", re.IGNORECASE
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def locate(quote: str, text: str) -> tuple[int, str] | None:
    """Find a quotation in a text: (start, the sentences of the text that hold it), or None.

    Differences in white space, letter case and the shape of quotes and dashes are forgiven, since models normalise
    them; the words returned are the text's. Quotations shorter than three words support nothing and are not found.
    """
    words = quote.translate(_TYPOGRAPHY).strip(" \t\n\"'").split()
    if len(words) < 3:
        return None
    pattern = r"(?<!\w)" + r"\s+".join(re.escape(word) for word in words) + r"(?!\w)"
    match = re.search(pattern, text.translate(_TYPOGRAPHY), re.IGNORECASE)
    if match is None:
        return None
    start, end = _sentence(text, match.start(), match.end())
    return start, text[start:end]


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """The whole sentence or sentences around a part: "effective in adults" may stand behind a "not"."""
    at = 0
    for sentence in sentences(text):
        began = text.index(sentence, at)
        at = began + len(sentence)
        if began <= start < at:
            start = began
        if began < end <= at:
            end = at
    return start, end


def omits_negation(claim: str, quote: str, sentence: str) -> bool:
    """Whether a sentence denies something in the part that a quotation leaves out, and the claim does not."""
    rest = sentence.translate(_TYPOGRAPHY).replace(quote.translate(_TYPOGRAPHY).strip(), " ")
    return bool(_NEGATION.search(rest)) and not _NEGATION.search(claim.translate(_TYPOGRAPHY))


def unsupported_numbers(claim: str, evidence: str) -> set[str]:
    """Numbers that a claim states and its evidence does not; thousands separators do not matter."""
    return _numbers(claim) - _numbers(evidence)


def _numbers(text: str) -> set[str]:
    return {re.sub(r",(?=\d{3}\b)", "", number) for number in _NUMBER.findall(text)}

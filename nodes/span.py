"""Is a claim carried by words that are really there?"""

import re

_TYPOGRAPHY = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-", "‐": "-", "‑": "-"})
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def locate(quote: str, text: str) -> tuple[int, str] | None:
    """Find a quotation in a text: (start, the text's own words), or None.

    Differences in white space, letter case and the shape of quotes and dashes are forgiven, since models normalise
    them; the words returned are the text's. Quotations shorter than three words support nothing and are not found.
    """
    words = quote.translate(_TYPOGRAPHY).strip(" \t\n\"'").split()
    if len(words) < 3:
        return None
    pattern = r"\s+".join(re.escape(word) for word in words)
    match = re.search(pattern, text.translate(_TYPOGRAPHY), re.IGNORECASE)
    return (match.start(), text[match.start() : match.end()]) if match else None


def unsupported_numbers(claim: str, evidence: str) -> set[str]:
    """Numbers that a claim states and its evidence does not; thousands separators do not matter."""
    return _numbers(claim) - _numbers(evidence)


def _numbers(text: str) -> set[str]:
    return {re.sub(r",(?=\d{3}\b)", "", number) for number in _NUMBER.findall(text)}

"""Sums in a request: what there is to work out, written so that a calculator reads it.

People write "17% of 2,340", "12,5 times 3" and "20% off $1,299". A number that is cut at its comma gives a wrong
result that looks right, so numbers and words are put into figures before anything is looked for.
"""

import re

from threadloom.models.extractive.spelled import in_digits

_NO_SUM = re.compile(r"\b(?:24/7|9/11|50/50)\b|\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?\b")
_NUM = r"\d+(?:\.\d+)?"
_PERCENT = r"\s*(?:%|per ?cent\b)"
_FORMULA = re.compile(r"[-(]*\d[\d\s.()+*/^%-]*[\d)]")
_SUM = re.compile(r"\d\s*[*/+^]\s*[\d(]|\d\)?\s+[-%]\s+[\d(]")
_OPERATOR = re.compile(r"[\d)]\s*[-+*/^%]")
_GROUPED = re.compile(r"(?<![\d.,])(?!0)\d{1,3}(?:[,'’]\d{3})+(?![\d,])")
_COMMA = re.compile(r"(?<![\d.,])(?:(\d{1,3}(?:\.\d{3})+)|(\d+)),(\d+)(?![\d,])")
"""A decimal comma: what groups thousands is gone by then."""
_CURRENCY = re.compile(r"[$€£¥]\s*(?=\d)|(?<=\d)\s*(?:[$€£¥]|(?:EUR|USD|GBP|euros?|dollars?|pounds?)\b)", re.IGNORECASE)
_FIGURES = (
    (r"(?:×|\bx\b|\btimes\b|\bmultiplied by\b)", " * "),
    (r"(?:÷|\bdivided by\b)", " / "),
    (r"\bplus\b", " + "),
    (r"(?:−|\bminus\b)", " - "),
)
_ORDERS = (
    (rf"\b(?:add|sum of|sum)\s+({_NUM})\s+(?:and|to)\s+({_NUM})", r"\1 + \2"),
    (rf"\bsubtract\s+({_NUM})\s+from\s+({_NUM})", r"\2 - \1"),
    (rf"\bmultiply\s+({_NUM})\s+(?:by|with|and)\s+({_NUM})", r"\1 * \2"),
    (rf"\bdivide\s+({_NUM})\s+by\s+({_NUM})", r"\1 / \2"),
)
_PARTS = {"half": "1 / 2", "a third": "1 / 3", "two thirds": "2 / 3", "a quarter": "1 / 4", "three quarters": "3 / 4"}
_SHARES = (
    (r"(\d+)\s*/\s*(\d+)\s+of\s+(?:the\s+)?(?=[\d(])", r"\1 / \2 * "),
    *((rf"\b{part}\s+of\s+(?=[\d(])", f"{figure} * ") for part, figure in _PARTS.items()),
    (rf"({_NUM}){_PERCENT}\s+of\s+(?:the\s+)?(?=[\d(])", r"\1 / 100 * "),
    (rf"({_NUM}){_PERCENT}\s+off\s+(?:of\s+)?({_NUM})", r"\2 - \1 / 100 * \2"),
    (rf"(?<![-+*/^(.\d])(?<![-+*/^] )({_NUM})\s*([-+])\s*({_NUM}){_PERCENT}(?!\s*[\d(])", r"\1 \2 \3 / 100 * \1"),
    (rf"({_NUM}){_PERCENT}(?=\s*[*/]\s*[\d(])", r"\1 / 100"),
    (rf"(?<=[\d)]\s[*/]\s)({_NUM}){_PERCENT}(?!\s*[\d(])", r"\1 / 100"),
)
"""Shares of a number as sums: 17% of 2340 is 17 / 100 * 2340, and 20% off 50 is 50 - 20 / 100 * 50."""
_OF_THAT = re.compile(
    rf"({_NUM}){_PERCENT}\s+of\s+(?:that|this|it|the (?:result|total|sum|product|difference))\b", re.IGNORECASE
)


def has_sum(text: str) -> bool:
    """Whether there is something to work out."""
    return _SUM.search(in_figures(text)) is not None


def sums(text: str) -> list[str]:
    """What there is to work out, as a calculator reads it; a number alone only where nothing else is there."""
    found = _formulas(in_figures(text))
    return list(dict.fromkeys(one for one in found if _OPERATOR.search(one))) or found[:1]


def ungrouped(text: str) -> str:
    """Numbers without what groups their thousands, and with a point: "2,340" is 2340 and "12,5" is 12.5."""
    return _COMMA.sub(_pointed, _GROUPED.sub(lambda number: re.sub(r"\D", "", number[0]), text))


def in_figures(text: str) -> str:
    """Numbers, operators and percentages as a calculator writes them; all else as it stands."""
    text = _CURRENCY.sub("", ungrouped(_NO_SUM.sub(" ", in_digits(text))))
    for words, figure in _FIGURES:
        text = re.sub(rf"(?<=[\d)%])\s*{words}\s*(?=[\d(])", figure, text, flags=re.IGNORECASE)
    for share, figure in (*_ORDERS, *_SHARES):
        text = re.sub(share, figure, text, flags=re.IGNORECASE)
    return _of_that(text)


def _formulas(text: str) -> list[str]:
    """Numbers and sums, but for those with a percentage that is not understood: without it they are other sums."""
    found = [(one[0].strip(), text[one.end() :]) for one in _FORMULA.finditer(text)]
    return [one for one, after in found if not re.search(r"\d%", one) and not re.match(rf"{_PERCENT}", after)]


def _of_that(text: str) -> str:
    """With "15% of that" as a share of the sum before it."""
    share = _OF_THAT.search(text)
    before = [one for one in _formulas(text[: share.start()]) if _OPERATOR.search(one)] if share else []
    if not share or not before:
        return text
    return f"{text[: share.start()]}{share[1]} / 100 * ({before[-1]}){text[share.end() :]}"


def _pointed(number: re.Match[str]) -> str:
    return f"{(number[1] or number[2]).replace('.', '')}.{number[3]}"

"""Numbers that are spelled out: "two hundred and forty" is 240."""

import re

_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = {"thousand": 1_000, "million": 1_000_000}
_VALUES = {
    "zero": 0,
    **{word: at for at, word in enumerate((*_ONES, *_TEENS), 1)},
    **{word: 10 * at for at, word in enumerate(_TENS, 2)},
}
_ONE = "|".join(_ONES)
_SMALL = rf"(?:(?:{'|'.join(_TENS)})(?:[ -](?:{_ONE}))?|{'|'.join(_TEENS)}|{_ONE})\b"
_BELOW = rf"(?:(?:a|{_ONE}) hundred(?: (?:and )?{_SMALL})?|{_SMALL})"
_AND = r"(?:,? (?:and )?)?"
_NUMBER = re.compile(
    rf"(?<![\w-])(?:zero|(?:(?:a|{_BELOW}) million\b{_AND})?(?:(?:a|{_BELOW}) thousand\b{_AND})?{_BELOW}|"
    rf"(?:a|{_BELOW}) (?:million|thousand))(?![\w-]| (?:third|quarter|half|halves|hundred|thousand|million))",
    re.IGNORECASE,
)
"""An "and" stands only behind a hundred or more: five and six are two numbers."""


def in_digits(text: str) -> str:
    """The text with its numbers in digits; fractions such as "two thirds" stay words."""
    return _NUMBER.sub(lambda number: str(_value(number[0])), text)


def _value(number: str) -> int:
    total, part = 0, 0
    for word in re.findall(r"[a-z]+", number.lower()):
        if word in _SCALES:
            total, part = total + (part or 1) * _SCALES[word], 0
        elif word == "hundred":
            part = (part or 1) * 100
        else:
            part += _VALUES.get(word, 0)
    return total + part

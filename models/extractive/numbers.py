"""What numbers say of an answer: a question names one ("error 413"), or asks for one ("how long does it take?")."""

import re

SAME, SOME = 0.5, 0.25
"""What a sentence gains that has a number of the question, or any where an amount or a time is asked for."""
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_ASKS = re.compile(
    r"\bhow (?:long|much|many|often|old|far|fast|big|large|high|soon|late)\b|\bwhen\b|\b(?:price|costs?|hours)\b",
    re.IGNORECASE,
)
_SAYS = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|hundred|half|twice|monday|sunday)\b",
    re.IGNORECASE,
)


def gain(question: str, sentence: str) -> float:
    """How much better a sentence answers a question for the numbers in it."""
    named = {one for one in _NUMBER.findall(question) if len(one) > 1}
    if named.intersection(_NUMBER.findall(sentence)):
        return SAME
    return SOME if _ASKS.search(question) and says(sentence) else 0.0


def says(sentence: str) -> bool:
    """Whether a number is in it, in figures or words."""
    return _SAYS.search(sentence) is not None

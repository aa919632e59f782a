"""How the writer of a message to a support desk feels: VADER (Hutto and Gilbert 2014) with words of this trade on top.

VADER was made for social media: to it "my app crashes every time" is neutral, and "please cancel" pleasant. What a
support desk reads every day has weights of its own here, on VADER's scale of -4 to 4.
"""

import re
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from threadloom.models.extractive.text import words

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # type: ignore[import-untyped]  # it has no types

NEGATIVE, POSITIVE, ANGRY = -0.35, 0.35, -0.75
"""Bounds of VADER's compound score, -1 to 1."""
MAX_CHARS = 20_000
LEXICON: dict[str, float] = {
    word: weight
    for weight, listed in {
        -3.2: "garbage trash crap rubbish disgrace appalling incompetent liars fraud scam thieves thief furious "
        "outrageous unacceptable disgusting pathetic outraged",
        -2.4: "crashes crashing freezes unusable useless buggy ridiculous nightmare vanished ripoff awful",
        -1.9: "rude incomprehensible unreadable painfully overcharged annoying cheated unexplained",
        -1.3: "fails failed broken stuck deleted lost missing ignored slow disappear disappeared hangs twice",
        0.0: "please cancel free like support help share credit yes interest interested security secure account "
        "premium discount safe trial hi hello dear party error errors forgot forget stop expired problem "
        "problems wrong cut leave pay paid charged tax alert debt reset accept agreement agree dark black "
        "suggest sign promise promised promises",
        1.0: "thank thanks",
        2.6: "brilliantly brilliant awesome fantastic wonderful love beautifully",
    }.items()
    for word in listed.split()
}
"""One word for a fault (-1.3) is a report and two are a complaint; what belongs to every request is nothing."""
EMOJIS = {
    emoji: word
    for word, listed in {"furious": "🤬🖕😡", "annoying": "😤🙄😒👎💩", "brilliant": "👍👏🙌🎉💯🏆"}.items()
    for emoji in listed
}
"""To the word that they are read as: VADER reads them by their names, and "thumbs down" has no weight."""
_COMPLAINT = re.compile(
    r"\bnothing (?:works|but)\b|\bgive (?:it|me|back)\b|\b(?:every|third|fourth) time\b"
    r"|\b(?:fix|sort) (?:it|this|that)\b"
    r"|\bstill waiting\b|\bhow you treat\b|\bwhat kind of\b|\b(?:can't|cannot|without) expla\w+|\bdone with you\b"
    r"|\b(?:nobody|no one|never|not once)(?: has| have| had| ever| even)? (?:answer|repl[iy]|pick|respond|read|finish"
    r"|agreed|r[aiu]ng|call|phone|came|come|show|wr[io]t|got|get|gets|contact|turned|help|look)\w*|\bdoes not answer\b"
    r"|[!?]{3,}",
    re.IGNORECASE,
)
_SHOUTED = re.compile(r"\b(?:NOW|NEVER|AGAIN|IMMEDIATELY)\b")
_PRAISE = re.compile(r"\bthank(?:s| you) (?:so much )?for\b|\bkeep it up\b|\bwell (?:done|deserved)\b", re.IGNORECASE)
_POLITE = re.compile(r"\bgood (?:morning|afternoon|evening|day)\b|\bbest (?:way|regards|wishes)\b", re.IGNORECASE)
CUE = 0.4
"""What a turn of phrase adds to the score."""
_PERSON = re.compile(
    r"\b(?:speak|talk|reach|connect|transfer|get|put)\b[^.?!]{0,30}"
    r"\b(?:human|real person|person|someone|somebody|manager|supervisor|agent)\b"
    r"|\b(?:a|is a|any|real) human\b|\breal person\b",
    re.IGNORECASE,
)
_THREAT = re.compile(
    r"\b(?:lawyers?|attorney|sue|court|police|fraud|scam(?:mers?)?|thie(?:f|ves)|stole|chargeback)\b", re.IGNORECASE
)
_GROSS = re.compile(
    r"\b(?:furious|garbage|crap|disgrace\w*|appalling|liars?|outrag\w+|ridiculous|unacceptable)\b"
    r"|\b(?:disgust\w+|pathetic|fed up)\b|[🤬🖕]",
    re.IGNORECASE,
)


class Feeling(NamedTuple):
    """What `feeling` reads out of a message."""

    sentiment: Literal["negative", "neutral", "positive"]
    angry: bool
    wants_person: bool
    reasons: list[str]


def feeling(text: str) -> Feeling:
    """The mood of a message, and the words that show it."""
    text = text[:MAX_CHARS]
    score = _score(text)
    threats = [match[0] for pattern in (_THREAT, _GROSS) for match in pattern.finditer(text)]
    person = _PERSON.search(text)
    sentiment: Literal["negative", "neutral", "positive"] = "neutral"
    if score <= NEGATIVE or threats:
        sentiment = "negative"
    elif score >= POSITIVE:
        sentiment = "positive"
    angry = sentiment == "negative" and (bool(threats) or (score <= ANGRY and "!" in text))
    telling = [*threats, *_telling(text, sentiment), *([person[0]] if person else [])]
    return Feeling(sentiment, angry, person is not None, list(dict.fromkeys(telling))[:5])


def _score(text: str) -> float:
    compound: float = _analyser().polarity_scores(_POLITE.sub(" ", text))["compound"]
    complaints = len(_COMPLAINT.findall(text)) + len(_SHOUTED.findall(text))
    return compound + CUE * (len(_PRAISE.findall(text)) - complaints)


def _telling(text: str, sentiment: str) -> list[str]:
    """Words and emojis of the text whose weight has the sign of the mood."""
    sign = {"negative": -1, "positive": 1}.get(sentiment, 0)
    lexicon = _analyser().lexicon
    said = [*words(text), *(mark for mark in text if mark in EMOJIS)]
    return [word for word in said if lexicon.get(EMOJIS.get(word, word.lower()), 0) * sign > 0]


@cache
def _analyser() -> "SentimentIntensityAnalyzer":
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # reads 7,500 lines

    analyser = SentimentIntensityAnalyzer()
    analyser.lexicon.update(LEXICON)
    analyser.emojis.update(EMOJIS)
    return analyser

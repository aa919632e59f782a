"""What a question asks: patterns over closed-class words and a verb list, from the most to the least specific."""

import re
from collections.abc import Callable
from dataclasses import replace

from threadloom.models.extractive.lead import trim
from threadloom.models.extractive.lexicon import FOREIGN, MEASURES
from threadloom.models.extractive.reading import (
    Question,
    about,
    agent,
    amount,
    clause,
    degree,
    done_to,
    effect_noun,
    how_to,
    how_works,
    if_happens,
    link,
    mechanism_noun,
    noun,
    passive,
    phrase,
    versus,
    which,
    yes_no,
)
from threadloom.models.extractive.text import words

Reader = Callable[[re.Match[str]], Question | None]


def parse(core: str) -> Question:
    """What the core of a question (see `lead.core`) asks; any text gives a result."""
    found = _foreign(core) or next((found for pattern, read in RULES if (found := _tried(pattern, read, core))), None)
    found = found or Question("overview", core)
    return replace(
        found,
        topic=trim(found.topic) or trim(core) or core[:80],
        subject=trim(found.subject),
        object=trim(found.object),
        text=found.text or core,
    )


def _tried(pattern: re.Pattern[str], read: Reader, core: str) -> Question | None:
    match = pattern.fullmatch(core)
    return read(match) if match else None


def _foreign(core: str) -> Question | None:
    """A question in another language as a phrase without its first function words; None if it is English."""
    if sum(word.lower() in FOREIGN for word in words(core)) < 2:
        return None
    subject = re.sub(rf"^(?:(?:was|{'|'.join(sorted(FOREIGN))})\s+|l')+", "", core, flags=re.IGNORECASE)
    return Question("overview", subject, verbs=FOREIGN)


_AUX = r"does|do|did|can|could|may|might|will|would|should|must|has|have|had"
_BE = r"is|are|was|were"
_COMPARATIVE = (
    r"(?:better|worse|more|less|fewer|greater|higher|lower|larger|smaller|faster|slower|safer|cheaper|cleaner|"
    r"stronger|weaker|healthier|older|younger|"
    r"superior|inferior|preferable|easier|harder|longer|shorter|earlier|later|deadlier|[a-z]{3,}ier)"
)
_WHAT = rf"(?:(?:what|how large|how big|how strong|how important|which)(?: {_BE})? )?"
_EFFECT_NOUN = (
    r"(?P<noun>(?:causal |long-term |short-term |likely |overall )?"
    r"(?:effects?|impacts?|influence|consequences|effectiveness|efficacy|role|benefits))"
)
RULES: tuple[tuple[re.Pattern[str], Reader], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), reader)
    for reader, pattern in (
        (
            about,
            r"(?P<x>[^:?.]+)[:?.,] (?:does|do|did|is|are|was|were|can|could|will|would|should|how|what|why|when|"
            r"which)\b.*\b(?:it|they|them|this|that|these|its|their)\b.*(?P<y>)",
        ),
        (
            about,
            r"(?:what|which) (?:\w+ )?(?:role|part) (?:does|do|did|can|could|has|have) (?P<x>.+?) (?:play|"
            r"played|have|had) (?P<y>(?:in|for|during) .+)",
        ),
        (
            versus,
            r"(?:what (?:is|are) )?(?:the )?(?:main |key )?(?:differences?|comparison|trade-?offs?) (?:between|"
            r"of) (?P<a>.+?) (?:and|vs\.?|versus) (?P<b>.+)(?P<whole>)",
        ),
        (
            versus,
            r"(?:how (?:do|does) )?(?:compare )?(?P<a>.+?) compare[sd]? (?:with|to|against) (?P<b>.+)(?P<whole>)",
        ),
        (
            versus,
            r"compar(?:e|ing|ison of) (?P<a>.+?) (?:and|with|to|vs\.?|versus) (?P<b>.+)(?P<whole>)",
        ),
        (
            versus,
            r"(?:(?:which|what)(?: one)? (?:is|are|works?|"
            rf"performs?) .*?{_COMPARATIVE}\b(?P<ctx>[^,:]*)[,:] )(?P<a>.+?) or (?P<b>.+)(?P<whole>)",
        ),
        (
            versus,
            rf"(?:(?:how much|why|when|where) )?(?:{_BE}) (?P<a>.+?) (?:(?:much|far|really|any|significantly|"
            rf"actually|even|still|always|\w+ly) )?{_COMPARATIVE}\b.*? (?:than|to) (?P<b>.+)(?P<whole>)",
        ),
        (
            versus,
            rf"(?:(?:how much|why|when|where|how) )?(?:{_AUX}) (?P<a>.+?)\b{_COMPARATIVE}\b.*? than (?P<b>.+)",
        ),
        (
            versus,
            rf"(?:(?:{_BE}|{_AUX}) )?(?P<a>.+?) (?:vs\.?|versus|as opposed to|rather than|compared (?:with|to)) "
            r"(?P<b>.+)",
        ),
        (versus, r"do(?:es)? (?P<a>.+?) outperform (?P<b>.+)(?P<whole>)"),
        (
            effect_noun,
            rf"{_WHAT}(?:the |are )?{_EFFECT_NOUN} (?:of|from) (?P<x>.+?) (?:up)?on (?P<y>.+)",
        ),
        (
            link,
            r"(?:what (?:is|are) |(?:is|are) there )?(?:the |any |an? )?(?P<noun>(?:\w+ )?(?:relationship|link|"
            r"association|correlation|connection|relation|trade-?off|interaction)s?) between (?P<x>.+?) and "
            r"(?P<y>.+)",
        ),
        (
            noun,
            r"(?:are|is) there (?:any |an? )?(?P<x>(?:\w+ )?(?:effects?|risks?|benefits?|harms?) of .+)",
        ),
        (
            done_to,
            rf"what (?:{_AUX}) (?P<x>.+?) (?:do|done|mean) (?:to|for) (?P<y>.+)",
        ),
        (
            if_happens,
            r"what (?:happens|would happen|will happen|happened) (?:if|when) (?P<rest>.+)",
        ),
        (
            mechanism_noun,
            r"(?:what (?:is|are) )?(?:the )?(?P<noun>(?:\w+ )?(?:mechanisms?|causes?|drivers?|reasons?|origins?|"
            r"pathways?)) (?P<of>of|for|behind|underlying|by which) (?P<x>.+)",
        ),
        (
            degree,
            r"how (?:effective|efficacious|useful|helpful|beneficial|successful|good|well|harmful|"
            r"significant)(?: \w+ly)? (?:is|are|was|were) (?P<x>.+)(?P<adj>)",
        ),
        (degree, rf"how (?P<adj>{'|'.join(MEASURES)}) (?:{_BE}) (?P<x>.+)"),
        (
            how_to,
            r"how (?:to|can (?:we|one|you|i)|could we|should (?:we|one)|might we|do (?:we|you|i)) (?:best |"
            r"better |effectively )?(?P<verb>[a-z]+) (?P<x>.+)",
        ),
        (
            passive,
            rf"(?P<wh>how|why|when|where|by whom|who)(?: \w+ly)? (?:{_BE}) (?P<rest>.+)",
        ),
        (
            clause,
            r"(?P<wh>what|why|when|where|how(?: much| many| often| far| long| fast| well| strongly| quickly|"
            rf" \w+ly)?|which|who)? ?(?P<thing>(?<=\s)(?!(?:{_AUX})\b)[^,?]{{2,60}}? "
            rf"(?=(?:{_AUX})\b))?(?P<aux>{_AUX}) (?P<rest>.+)",
        ),
        (yes_no, rf"(?:{_BE}) there (?:an? |any |the )?(?P<rest>.+)"),
        (yes_no, rf"(?:{_BE}) (?P<rest>.+)"),
        (noun, rf"(?:what|which|who) (?:{_BE}) (?P<x>.+)"),
        (amount, r"how (?:many|much) (?P<x>.+)"),
        (how_works, r"how (?P<rest>.+)"),
        (
            agent,
            r"(?P<wh>what|who|which)(?: factors?| processes)? (?P<verb>happens to|[a-z]+) (?P<x>.+)",
        ),
        (which, r"(?:what|which) (?P<rest>.+)"),
        (noun, r"(?:define|definition of|meaning of|introduction to) (?P<x>.+)"),
        (phrase, r".+"),
    )
)
"""Pattern and reader, from the most to the least specific; the first whose reader makes something of it counts."""

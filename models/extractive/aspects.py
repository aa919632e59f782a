"""What a question asks for (a definition, a size, a mechanism …), and whether a sentence gives it."""

import re

from threadloom.models.extractive import cues
from threadloom.models.extractive.plan import ON_BOTH, ON_TOPIC, TEMPLATES
from threadloom.models.extractive.text import stem, terms, words

ASPECTS = (
    (
        r"evidence (?:that|for)|main results",
        r".",
    ),
    (
        r"how large|what values|results|reported on|effects of",
        r"\d|increas|decreas|reduc|improv|lower|higher|more|less|fewer|effect",
    ),
    (
        r"conditions|for whom|differ",
        r"among|depend|differ|var[iy]|subgroup|especially|older|younger|only|whereas|but |conditions|wom[ae]n|"
        r"children|adults|patients|sector|industr|countr|region|most ",
    ),
    (
        r"limit|problem|unexplained|uncertain",
        r"limit|uncertain|unclear|unknown|bias|small sample|lack|caution|further|not yet|insufficient|problem|"
        r"fail|±|interval|between \d|left open|open-label|settle|depends? on|assum|covers|single",
    ),
    (
        r"mechanism|explain",
        r"mechanism|because|through|via |mediat|due to|driv|caus|pathway|explain|by \w+ing|which|so that|"
        r"works?\b|makes?\b|allow|enabl|direct|lets?\b|uses?\b|with an? ",
    ),
    (
        r"measured|methods|observations|experiments",
        r"measur|estimat|using|trial|regress|observ|experiment|survey|simulat|sampl|method|data|calculat|"
        r"comput|assess|model|detect|record",
    ),
    (
        r"costs|risks",
        r"risk|cost|harm|adverse|side effect|safe|loss",
    ),
    (
        r"alternatives|comparisons|difference",
        r"alternativ|instead|compar|versus|than|outperform|relative to|differ",
    ),
    (
        r"led to|views|changed",
        r"\b(?:1[5-9]|20)\d\d\b|first|discover|change|since",
    ),
)
"""What a narrower question asks for, and how a sentence that answers it sounds."""


def addresses(finding: str, sub_question: str) -> bool:
    """Whether a finding may bear on a narrower question: shared terms, and the aspect asked for if we know it."""
    asked = {term for term in terms(sub_question) if term not in _TEMPLATE_STEMS}
    shared = asked & set(terms(finding))
    aspects = [cue for trigger, cue in ASPECTS if re.search(trigger, sub_question, re.IGNORECASE)]
    if re.search(r"limit|unexplained|uncertain|leave open", sub_question) and cues.OPEN.search(finding):
        return True
    if not aspects or not asked:
        return len(shared) * 2 > len(asked)
    return bool(shared) and any(re.search(cue, finding, re.IGNORECASE) for cue in aspects)


_TEMPLATE_STEMS = frozenset(
    stem(word)
    for group in (*TEMPLATES.values(), ON_BOTH, ON_TOPIC, ("large effects evidence",))
    for template in group
    for word in words(re.sub(r"\{\w+\}", "", template))
)


_DEFINES = re.compile(r"^what (?:is|are|does) (?:an? |the )?(?P<x>[\w -]{2,40}?)(?: mean)?\W*$", re.IGNORECASE)
_SIZE = re.compile(
    r"\bhow (?:effective|much|many|large|big|fast|quickly|strong(?:ly)?|well|likely|old|long|far|often|common|accurate|"
    r"safe)\b",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"\bhow many (?P<x>\w{3,})", re.IGNORECASE)
_MECHANISM = re.compile(
    r"\b(?:how (?:do|does|did|can|could|is|are|was|were)|why|what (?:causes?|drives|explains))\b", re.IGNORECASE
)
_EXPLAINS = re.compile(
    r"\b(?:because|so that|through|by (?:\w+ly )?\w+ing|due to|owing to|driven by|caused by|which (?:means|lets|"
    r"makes)|lets?|traced to|from a|between|explains?|without (?:any|a)|instead of)\b",
    re.IGNORECASE,
)


_PHRASE_END = re.compile(r" (?:in|of|for|on|by|with) ")


def suits(question: str, sentence: str) -> float:
    """How far a sentence is of the kind that the question asks for: 1.0 if it is, 0.5 if that is not sure."""
    if defined := _DEFINES.match(question):
        return float(_defines(defined["x"], sentence))
    if counted := _COUNTED.search(question):
        of = rf"\d(?: [\w-]+){{0,3}} {re.escape(counted['x'].rstrip('s'))}"
        return float(re.search(of, sentence, re.IGNORECASE) is not None)
    if _SIZE.search(question):
        return float(cues.NUMBER.search(sentence) is not None)
    if _MECHANISM.search(question):
        return 0.5 * (_EXPLAINS.search(sentence) is not None)
    return 0.5


def _defines(thing: str, sentence: str) -> bool:
    """Whether a sentence says what a thing is: "A climate tipping point is …", "…, known as the Hubble tension"."""
    name = r"[\s-]+".join(
        re.escape(word[:-1] if word.endswith("s") else word) + r"\w*" for word in _PHRASE_END.split(thing)[0].split()
    )
    verb = r"(?:is|are|means|refers? to|denotes?|holds?|combines?|lets?|shows?)"
    before = rf"^(?:an? |the )?(?:\w+ )?{name}(?: \([^)]*\))? {verb}\b"
    after = rf"\b(?:known as|called|termed|named)(?: an?| the)? {name}"
    return re.search(f"{before}|{after}", sentence, re.IGNORECASE) is not None

"""Does a finding bear on a narrower question? By its terms, and by the aspect the question asks for."""

import re

from threadloom.models.extractive.plan import ON_BOTH, ON_TOPIC, TEMPLATES
from threadloom.models.extractive.text import stem, terms, words

ASPECTS = (
    (
        r"evidence (?:that|for)",
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
        r"fail|left open|open-label|settle|depends? on|assum|covers|single",
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
    if not aspects or not asked:
        return len(shared) * 2 > len(asked)
    return bool(shared) and any(re.search(cue, finding, re.IGNORECASE) for cue in aspects)


_TEMPLATE_STEMS = frozenset(
    stem(word)
    for group in (*TEMPLATES.values(), ON_BOTH, ON_TOPIC, ("large effects evidence",))
    for template in group
    for word in words(re.sub(r"\{\w+\}", "", template))
)

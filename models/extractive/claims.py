"""A quoted sentence as a claim that stands alone: only rewrites that cannot change what it says."""

import re

from threadloom.models.extractive.cues import heading
from threadloom.models.extractive.text import capitalise, squeeze

_CONNECTIVE = re.compile(
    r"^(?:(?:however|moreover|furthermore|in addition|additionally|therefore|thus|hence|consequently|accordingly|"
    r"finally|lastly|"
    r"overall|importantly|notably|interestingly|surprisingly|strikingly|remarkably|unexpectedly|crucially|"
    r"specifically|here|in conclusion|to conclude|"
    r"in summary|in sum|to summari[sz]e|taken together|altogether|collectively|together|in particular|as expected|"
    r"indeed|nevertheless|nonetheless|"
    r"in contrast|by contrast|conversely|on the other hand|similarly|likewise|second|secondly|third|thirdly|first|"
    r"firstly|as a result|for example|for instance|meanwhile|in fact|also|"
    r"in (?:this|the present|our|the current) (?:paper|study|work|article|review|letter|report|research|analysis)|"
    r"in (?:a|the) (?:first|second|third) (?:study|experiment)),\s+"
    r"|(?:thus|hence|therefore|and|but|yet|so|here|also|moreover|furthermore|finally|in (?:this|"
    r"the present) (?:paper|study|work|article|review|letter)),?\s+(?=(?:we|the|our|it|a|an)\s))",
    re.IGNORECASE,
)
_SAYS = (
    r"(?:find|found|show|showed|have shown|have found|demonstrate|demonstrated|have demonstrated|observe|observed|"
    r"reveal|revealed|showed|report|reported|prove|proved|confirm|confirmed|discover|discovered)"
)
_SAID = (
    r"(?:finds|found|shows|showed|show|demonstrates?|demonstrated|reveals?|revealed|proves?|proved|confirm(?:s|"
    r"ed)?|establish(?:es|ed)?)"
)
_THAT = re.compile(
    rf"^(?:we (?:also |further |then |now |here |first )?{_SAYS}"
    rf"|(?:our|the|these|this) (?:\w+ ){{0,2}}(?:results?|findings?|data|analys[ie]s|experiments?|simulations?|"
    rf"observations|study|paper|work|article|trial|review|meta-analysis) (?:also |further |clearly |thus )?{_SAID}"
    rf"|(?:results?|findings|data|experiments|simulations|analys[ie]s) (?:also )?{_SAID}"
    r"|it (?:was|is|has been) (?:also )?(?:found|shown|demonstrated|observed))\s+that,?\s+",
    re.IGNORECASE,
)
_REPORTING = re.compile(
    r"(?:\band\b|\bbut\b|,|;)\s+(?:that|also|further|we|then|thus)?\s*(?:that|propose|show|argue|discuss|suggest|"
    r"conclude|provide|present|introduce|describe|demonstrate|find|identify|develop|compare|report|analy[sz]e|use|"
    r"we)\b",
    re.IGNORECASE,
)
"""A second thing reported in the same sentence: taking "We show that" off would break it."""
_POINTER = re.compile(
    r"^(?:this|the present|the current|our|the) (?P<what>(?:[\w-]+ ){0,2}?(?:paper|study|article|review|work|"
    r"trial|analysis|meta-analysis|survey|report|letter))\b(?! of\b)",
    re.IGNORECASE,
)
_RESULTS = re.compile(
    r"^(?:these|our|the present|the current|this) (?P<what>(?:\w+ )?(?:results?|findings?|data|analyses|"
    r"observations|experiments|estimates|simulations)) (?=\w)",
    re.IGNORECASE,
)
_SUGGESTS = re.compile(r"^this (?P<how>suggests|implies|indicates) that\b", re.IGNORECASE)
_SHARED = (
    r"(?:galaxy|universe|sun|solar|planet|understanding|knowledge|own|species|ancestors|bod(?:y|ies)|society|"
    r"societies|li(?:fe|ves)|world|time|daily|everyday|genome|health|climate|oceans?|moon|earth|minds?|brains?)\b"
)
_OURS = re.compile(rf"\bour\b(?! {_SHARED})")


def claim(quote: str) -> str:
    """One sentence that can stand alone, from the words of `quote`."""
    _, text = heading(squeeze(quote))
    text = _uncontinued(text)
    text = _attributed(text)
    text = capitalise(text.rstrip(" ;,:-–—"))
    return text if not text or re.search(r"[.!?…][)\"'”’]*$", text) else text + "."


def _uncontinued(text: str) -> str:
    """Without a connective that only ties it to the sentence before."""
    while (shorter := _CONNECTIVE.sub("", text, count=1)) != text and len(shorter.split()) > 3:
        text = shorter
    return text


def _attributed(text: str) -> str:
    """Without "we": what was found is stated, what was proposed is said to be the authors'."""
    found = _THAT.match(text)
    if found and not _REPORTING.search(text[found.end() :]) and "?" not in text:
        return _others(text[found.end() :])
    text = _RESULTS.sub(r"The \g<what> ", _suggests(text), count=1)
    text = _POINTER.sub(r"The \g<what>", text, count=1)
    return _others(re.sub(r"^We\b", "The authors", text))


def _suggests(text: str) -> str:
    """What "this suggests" the authors suggest."""
    match = _SUGGESTS.match(text)
    verb = {"suggests": "suggest", "implies": "infer", "indicates": "conclude"}
    return f"The authors {verb[match['how'].lower()]} that{text[match.end() :]}" if match else text


def _others(text: str) -> str:
    """First person turned into third, except where "our" is everyone's ("our galaxy")."""
    if text.startswith("The authors"):
        text = _OURS.sub("their", text)
        text = re.sub(r"\b(?:we|us)\b", lambda word: "they" if word[0] == "we" else "them", text)
    text = re.sub(rf"^Our\b(?! {_SHARED})", "The authors'", text)
    text = _OURS.sub("the authors'", text)
    return re.sub(
        r"\bwe\b(?= (?:find|found|show|propose|present|use|introduce|report|observe|estimate|demonstrate|argue|"
        r"conclude|suggest|develop|also))",
        "the authors",
        text,
    )

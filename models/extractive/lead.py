"""The core of a free-form question: without greeting, lead-in, afterthought and slips of typing."""

import re

from threadloom.models.extractive.lexicon import ACRONYMS, STOP_WORDS
from threadloom.models.extractive.text import sentences, squeeze, words

MAX_TOPIC_WORDS = 14

_LEADS = re.compile(
    r"^(?:(?:hi|hello|hey)(?: there)?[,!.]?\s|dear \w+[,!.]?\s|thanks[,!.]?\s|(?:so|and|but|ok|okay|well|now)[,]?\s"
    r"|(?:please|kindly)[,]?\s|(?:my|the|our|a) (?:research )?question(?: here)?(?: is|:)[:,]?\s|"
    r"(?:research )?question:\s|topic:\s"
    r"|(?:can|could|would|will) you (?:please )?(?:help me )?(?=(?:tell|explain|show|give|find|summari[sz]e|"
    r"describe|review|compare|write)\b)"
    r"|(?:tell|explain|show|give)(?: to)? (?:me|us)(?: about)?\s"
    r"|(?:explain|describe|discuss|summari[sz]e|review|investigate|explore|examine|find|analy[sz]e|assess|"
    r"evaluate|write|give)\s"
    r"(?:me |a |an |the |some |all )*(?:(?:brief|short|literature|recent|good|published) )*(?:(?:report|review|"
    r"papers?|studies|research|literature|articles|evidence)\s(?:review\s)?(?:on|about|of)\s)?"
    r"|(?:i|we)(?: am|'m| are|'re| would| 'd|'d| have| was)?(?: currently| just| really)*\s"
    r"(?:like|want|need|wish|wonder|wondering|interested|looking|trying|asking|curious)(?: in| for| about)?"
    r"(?: to)?(?: (?:know|understand|learn|find out|find|see|knowing|understanding|learning|"
    r"ask))?(?: more)?(?: about| in)?\s"
    r"|(?:an? |the )?(?:brief |short |general |quick )?(?:overview|summary|review|survey|literature review) (?:of|on)\s"
    r"|what (?:do|does|did) (?:we|scientists|researchers|economists|experts|(?:the )?(?:current |recent |"
    r"scientific |latest |published )?(?:literature|research|evidence|science|studies|papers))"
    r" (?:really |actually |currently )?(?:know|say|tell us|show|suggest|think|understand)(?: about| on| regarding)?\s"
    r"|what (?:is|has been)(?: currently| now| really)? (?:known|understood|found|published|"
    r"written)(?: so far)? (?:about|of|on)\s"
    r"|what(?:'s| is| are) (?:the )?(?:current |latest |recent |best |scientific |newest )*(?:evidence|"
    r"state of the art|consensus|literature|research|status|state|knowledge|findings|advances|progress|"
    r"developments?)"
    r" (?:for|that|on|of|about|in|regarding|behind)\s"
    r"|(?:is|are) there (?:any |some |good |strong |solid |enough |convincing )*(?:evidence|proof|support|"
    r"research|studies|indications?)(?: that| for| on| of| about| showing)\s"
    r"|what (?:\w+ )?(?:evidence|proof|research|support) (?:is there|exists|do we have|supports?)(?: for| that|"
    r" on| of)?\s(?:the (?:claim|idea|hypothesis|view) that\s)?"
    r"|(?:is it|are we) (?:true|known|sure|certain|clear|the case) (?:that|whether|if)\s|how do we know (?:that |"
    r"whether |if )?"
    r"|(?:whether|if)(?: or not)?\s|to (?:what|which) extent,?\s|in (?:what|which) ways?,?\s|under (?:what|"
    r"which) (?:conditions|circumstances),?\s|for whom\s"
    r"|(?:the )?(?:recent|latest|new|current|newest)(?: \w+)? (?:advances?|progress|developments?|research|"
    r"studies|work|literature|papers|findings|trends) (?:in|on|about|of)\s"
    r"|(?:papers?|studies|literature|research|articles|evidence) (?:on|about|for|of)\s)",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?:,? and|,? but|,? or|;|,)\s+(?:if so\b|(?:in |at |to |for )?(?:what|how|why|whether|which|when|where|"
    r"who)\b|(?:does|do|is|are|can|should) (?:it|they|this|that|there)\b).*$"
    r"|\s*,\s*(?:especially|particularly|in particular|for example|e\.g\.|such as|given that|considering|please|"
    r"if any)\b.*$",
    re.IGNORECASE,
)
_ERRAND = re.compile(
    r"^(?:please,? |kindly )?(?:(?:can|could|would|will) you (?:please )?)?"
    r"(?:find out(?: about| whether| if)?:?\s"
    r"|(?:search|look|find)\b(?: up| for)?(?: [a-z]+){0,2} (?:on|for|about)\b:?\s"
    r"|(?:write|draft|send|compose|prepare|make|give|put together)\b(?: (?:me|us))?(?: an?| the| some| one)?"
    r"(?: [a-z-]+)?(?: (?:e-?mail|mail|letter|note|message|memo|summary|text|report|paragraph|facts))"
    r"(?: (?:to|for) (?:[\w.@-]+ ){1,3})??(?: summary)?\s?(?:about|on|of|that|saying|regarding|concerning)\s"
    r"|(?:summari[sz]e|sum up|explain|describe)(?: what (?:is|was|we) know\w*)?(?: (?:to|for) (?:me|us|"
    r"(?:my|our|the) [\w-]+))?(?: about| on)?\s"
    r"|(?:write to|e-?mail|mail|message) (?:[\w.@-]+ ){1,3}?(?:about|on|that|regarding)\s"
    r"|what do(?:es)? (?:[a-z]+ ){1,2}know(?: about|:)\s"
    r"|(?:inform|tell|remind|brief|update) (?:[\w.@-]+ ){1,3}(?:about|on|that|of|(?=what|how|why|whether))\s?)",
    re.IGNORECASE,
)
"""What is to be written or looked up, and who gets it: said of an errand, not of what it is about."""
_THEN = re.compile(
    r"(?:,\s*(?:and )?(?:please )?(?:send|write|mail|tell|inform)\b|(?:,|,? and)(?: then)? (?:write|draft|list|note|"
    r"save|summari[sz]e|explain|put)\b(?=.*(?:\b(?:it|them|this|that)\b|"
    r"\b(?:an?|one|two|three|four|five|\d+) (?:short )?"
    r"(?:sentence|paragraph|bullet|point|finding|line|word|summary|note)s?\b)))[^.?!]*[.!]?$",
    re.IGNORECASE,
)
"""What is to be done with what was found."""
_KNOWN = re.compile(
    r"^what (?:(?:we|they|you|people) know|is known|was found)(?: so far)? (?:about|of|on)\s", re.IGNORECASE
)
_FOR_WHOM = re.compile(r"\s(?:for|to) (?:my|our|the) [\w-]+[.!]?$", re.IGNORECASE)
MOST_ERRANDS = 2
"""One in another: "search papers on: summarise graphene"."""
LONG = 60
"""Words from which only the sentences of a message that ask are read."""
_INDIRECT = re.compile(
    r"\b(?:whether|how|why|what|which|know|understand|find out|effects? of|impact of)\b", re.IGNORECASE
)
ADVERBS = (
    r"(?:really|actually|significantly|also|still|ever|first|always|directly|truly|currently|generally|effectively|best|"
    r"usually|typically|commonly|originally|even|consistently|causally|necessarily|help|helps)"
)
"""Adverbs that may stand between subject, verb and object; "help" stands for them in "helps to reduce"."""
_SPELLING = {
    "wat": "what", "waht": "what", "teh": "the", "hwo": "how", "wich": "which", "doesnt": "does", "doesn't": "does",
    "don't": "do", "isn't": "is", "aren't": "are", "what's": "what is", "whats": "what is", "how's": "how is",
}  # fmt: skip
"""Slips and short forms of the words that questions are recognised by."""


def gist(text: str) -> str:
    """What a request is about: without the errand that it comes with, and of a long one the sentences that ask."""
    if len(words(text)) > LONG:
        parts = sentences(text)
        text = " ".join([one for one in parts if one.endswith("?")] or parts[-1:])
    about, errands = text, 0
    while errands < MOST_ERRANDS and (errand := _ERRAND.match(about)):
        about, errands = about[errand.end() :], errands + 1
    about = _FOR_WHOM.sub("", about) if errands else about
    about = _KNOWN.sub("", _THEN.sub("", about))
    return about if words(about) else text


def core(text: str) -> str:
    """The sentence that asks, without lead-ins, trailing clauses and punctuation."""
    text = _uncapped(
        re.sub(r"\b[A-Za-z']+\b", lambda word: _SPELLING.get(word[0].lower(), word[0]), text.replace("’", "'"))
    )
    candidates = sentences(text) or [text]
    asked = [s for s in candidates if s.endswith("?")] or [s for s in candidates if _INDIRECT.search(s)] or candidates
    whole = _without_leads(asked[0].strip(" \"'“”«»¿¡*#-\t"))
    cut = _without_manner(_TAIL.sub("", whole))
    return cut if len(words(cut)) >= 3 else whole


def _without_leads(text: str) -> str:
    """Without "Hello, could you tell me what is known about …" and closing punctuation."""
    while True:
        text = text.rstrip("?!.:;, \"'”")
        shorter = _LEADS.sub("", text, count=1).lstrip(" ,:")
        if shorter == text or not words(shorter):
            return text
        text = shorter


def _uncapped(text: str) -> str:
    """Text typed in capitals only, in lower case except what is visibly an abbreviation."""
    if text != text.upper() or len(words(text)) < 4 or not any(c.isalpha() for c in text):
        return text
    return re.sub(r"[^\W_]+(?:-[^\W_]+)*", lambda match: _restored(match[0]), text)


def _restored(word: str) -> str:
    low = word.lower()
    vowels = re.search(r"[aeiouy]", low)
    if low == "mrna":
        return "mRNA"
    return word if low in ACRONYMS or re.search(r"\d", low) or (not vowels and len(low) > 1) else low


def trim(phrase: str) -> str:
    """A noun phrase without stray edges, cut to a readable length at a word that can end it."""
    kept = squeeze(phrase).strip(" ,;:-\"'").split(" ")
    if len(kept) > MAX_TOPIC_WORDS:
        kept = kept[:MAX_TOPIC_WORDS]
    while kept and kept[-1].lower().strip(",") in STOP_WORDS - {"one", "two", "three"} and not kept[-1].isupper():
        kept.pop()
    return re.sub(rf"^{ADVERBS}\s", "", " ".join(kept).strip(" ,;:"))


def _without_manner(text: str) -> str:
    """Without a closing adverb ("most effectively", "at all")."""
    return re.sub(
        r"(?:,? (?:the )?(?:most|more|so|best|at all|really|(?:effectiv|efficient|significant|quick|rapid|reliab|"
        r"accurate|direct|global|safe|successful|strong|great|easi)ly|worldwide|or not|or increase|or decrease|"
        r"in general))+$",
        "",
        text,
    )

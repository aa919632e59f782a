"""How sentences of papers sound: results, background, method, open questions, and orders to whoever reads them."""

import re

_HEADING = re.compile(
    r"^\s*(?P<label>background|introduction|context|importance|rationale|purpose|aims?|objectives?|goals?|"
    r"hypothesis|motivation|"
    r"(?:background|objectives?|aims?) and (?:aims?|objectives?|purpose)|materials? and methods?|"
    r"patients and methods|methods? and materials?|"
    r"methods?|methodology|methods and (?:results|findings)|design(?:,? setting,? and participants)?|study design|"
    r"setting|participants|patients|"
    r"data sources?|study selection|data extraction(?: and synthesis)?|search strategy|interventions?|exposures?|"
    r"main outcomes?(?: and measures?)?|measurements?|statistical analysis|"
    r"(?:main |key |principal )?results?|(?:main |key |principal )?findings?|results and discussion|"
    r"conclusions?(?: and relevance)?|conclusions? and implications|interpretation|discussion|implications|"
    r"significance|summary|"
    r"limitations?|funding|(?:trial |clinical trial )?registration|keywords|copyright|abstract)"
    r"(?:\s*[:.—–]\s*|\s+-\s+)",
    re.IGNORECASE,
)
_BARE_HEADING = re.compile(
    r"^\s*(?P<label>Background|BACKGROUND|Introduction|Methods|METHODS|Results|RESULTS|Findings|FINDINGS|"
    r"Conclusions?|CONCLUSIONS?|Interpretation|"
    r"Objectives?|OBJECTIVES?|Aims?|Purpose|Discussion)\s*(?=[A-Z]\w*,?\s+[a-z(]|[A-Z][a-z]+\s+[A-Z]|In\b)"
)


def heading(sentence: str) -> tuple[str, str]:
    """The heading of a part of a structured abstract at the start of a sentence, in lower case, and what follows it."""
    match = _HEADING.match(sentence) or _BARE_HEADING.match(sentence)
    return (match["label"].lower(), sentence[match.end() :].strip()) if match else ("", sentence)


def _any(*alternatives: str, flags: int = re.IGNORECASE) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), flags)


RESULT_LABEL = _any(
    r"^(?:main |key |principal )?(?:results?|findings?)|^conclusion|^interpretation|^implications|^significance|"
    r"^summary"
)
NO_LABEL = _any(r"^(?:funding|keywords|copyright|.*registration)$")

RESULT = _any(
    r"\b(?:we|results?|findings?|data|analys[ie]s|studies|study|trials?|experiments?|simulations?|evidence|"
    r"models?|estimates) (?:\w+ )?"
    r"(?:find|found|show|shows|showed|demonstrate[sd]?|reveal(?:s|ed)?|indicate[sd]?|suggest(?:s|ed)?|"
    r"conclude[sd]?|confirm(?:s|ed)?|observed?|detect(?:ed)?|report|estimate[sd]?|provides?d?|identif(?:y|ied)|"
    r"prove[sd]?|establish(?:ed)?|achieved?s?)\b",
    r"\b(?:was|were|is|are|be) (?:\w+ly )?(?:associated with|correlated with|linked to|found|shown|observed|"
    r"detected|reduced|increased|higher|lower|effective|greater|better|worse|similar|consistent with)\b",
    r"\b(?:reduc(?:ed|es?|tions?)|increas(?:ed|es?|ing)|decreas(?:ed|es?)|improv(?:ed|es?)|outperform(?:s|ed)?|"
    r"achiev(?:es|ed)|lowered|lowers|raised|raises|prevent(?:s|ed)|caus(?:es|ed)|led to|leads to|resulted in|"
    r"conferred|declined|fell|rose|doubled|halved|explains?|predicts?|accounts? for|enabl(?:es|ed)|outweighs?|"
    r"exceed(?:s|ed)|"
    r"reach(?:es|ed)|beats?|scored|solved|defeated|won|violated|made it possible)\b",
    r"\b(?:stayed|remained|was|were) (?:\w+ ){0,2}(?:unchanged|stable|constant|the same)\b|\b(?:proved|turned out|"
    r"worked) \b",
    r"\bno (?:\w+ )?(?:effect|difference|association|evidence|increase|decrease|reduction|change|benefit|"
    r"indication|sign|loss(?:es)?|gains?)\b|\bnot (?:significantly|associated|differ)\b",
)  # fmt: skip
NUMBER = _any(
    r"\d[\d.,]*\s*(?:%|percent\b|percentage points|per cent|-?fold\b|times\b|°C|K\b|GeV|TeV|Gt|Mt|ppm|km\b|mm\b|"
    r"Mpc|kpc|sigma|σ|BLEU|points?\b|years?\b|months?\b|weeks?\b|days?\b|hours?\b|minutes?\b|mmHg|kg\b|deaths\b|"
    r"cases\b|million|billion)",
    r"\bp\s*[<=>]\s*0?\.\d",
    r"\b(?:CI|OR|RR|HR|odds ratio|hazard ratio|relative risk|confidence interval|credible interval)\b",
)  # fmt: skip
COMPARISON = _any(
    r"\b(?:than|compared (?:with|to)|relative to|versus|vs\.?|whereas|respectively|higher|lower|fewer|greater|"
    r"larger|smaller|better|faster|slower)\b"
)
BACKGROUND = _any(
    r"\b(?:is|are|remains?|has become|have become|was|represents?) (?:\w+ )?(?:an? |the )?(?:major|leading|"
    r"important|key|critical|common|central|fundamental|significant|well[- ]known|one of the|among the most|"
    r"widely|of great|of considerable|essential|increasingly|poorly|longstanding|long-standing|growing)\b",
    r"\b(?:little is known|has been (?:widely|extensively|long|proposed|suggested)|have been (?:widely|"
    r"extensively|long|proposed|used)|in recent years|over the past|traditionally|plays? an? \w+ role|"
    r"has attracted|much attention|there is (?:growing|increasing|considerable) interest|is (?:based on|"
    r"defined as)|are needed|"
    r"is needed|urgent(?:ly)?|controversial|debate|had been open|"
    r"(?:has|have|had) been (?:an?|the)|nobel prize|acknowledged the)\b",
    r"^(?:earlier (?:reports|studies|work|models|methods|champion)|before [^,]+, (?:\w+ ){1,4}(?:could|was|were|"
    r"had))\b",
)  # fmt: skip
METHOD = _any(
    r"^(?:this|the|the present|our) (?:paper|study|article|review|work|chapter) (?:examines|investigates|explores|"
    r"reviews|discusses|asks|studies|analy[sz]es|considers)\b",
    r"\b(?:we|authors) (?:\w+ly )?(?:use|used|analy[sz]e|analy[sz]ed|conduct(?:ed)?|perform(?:ed)?|measured?|"
    r"collect(?:ed)?|enrol+ed|recruit(?:ed)?|search(?:ed)?|investigate[ds]?|examine[ds]?|stud(?:y|ied)|"
    r"assess(?:ed)?|review(?:ed)?|survey(?:ed)?|compare|compared|explored?|consider(?:ed)?|discuss(?:ed)?|"
    r"describe|address(?:ed)?|aim(?:ed)?|sought|tested?|evaluated?|applied|apply|randomly|calculated|included|"
    r"extracted|simulated|asked|follow(?:ed)?)\b",
    r"\b(?:were|was) (?:\w+ly )?(?:randomi[sz]ed|randomly|assigned|recruited|enrol+ed|collected|searched|included|"
    r"measured|assessed|performed|conducted|carried out|analy[sz]ed|used to|calculated|extracted|screened|"
    r"interviewed|invited|followed|obtained|evaluated|examined|compared using)\b",
    r"\b(?:aims?|aimed|objective|purpose|goal) (?:of|was|is|to)\b|\b(?:this|the|present) (?:\w+ )?(?:study|paper|"
    r"article|review|work|chapter|thesis) (?:\w+ly )?(?:aims?|aimed|examines?d?|investigate[sd]?|explores?d?|"
    r"reviews?(?:ed)?|describes?d?|discusse[sd]|summari[sz]e[sd]?|presents?|provides?|outlines?|considers?|"
    r"focuse[sd]|analy[sz]e[sd]?|assesse[sd]|evaluate[sd]?|address(?:es|ed)|seeks?|attempts?)\b",
    r"\b(?:surveyed|counted|recruited|interviewed|enrolled|compared(?! (?:with|to|against)\b))\b",
    r"\bprimary (?:end ?point|outcome)s? (?:was|were)\b",
    r"^(?:[\w’'()-]+,? ){1,8}?observed (?!that\b|to\b|by\b|with\b)",
    r"\b(?:followed (?:up )?(?:for\b|the incomes|more than|about|[\d,]+)|randomly chosen|draws? on|covers? \d|(?:was|"
    r"were) (?:given (?:as|in)|instrumented|corrected for|anchored by|recorded|rated|checked|compared))\b",
    r"\bused (?:the|an?) [^,;]+ (?:as an instrument|to (?:estimate|separate|measure|isolate))\b|"
    r"\bis an? [\w-]+ design\b|\bconsists? of\b",
)  # fmt: skip
DESIGN = _any(
    r"^(?!when|if|after|among|in|of|on|with|by|for\b)(?:[\w’'()-]+,? ){1,8}?(?:also )?(?:assigned|sampled|rated|caught|"
    r"searched|tested|combined|built|tracked|varied at random|received free) (?!that\b|to\b|by\b|with\b|positive\b)"
)
"""How a study was done, whatever numbers it names: "SPRINT assigned 9,361 people to …"."""
OPEN = _any(
    r"\b(?:unknown|unclear|uncertain whether|not (?:yet |well |fully |completely )?(?:understood|known|clear|"
    r"established|resolved)|poorly understood|open (?:question|problem)s?|remains? (?:to be|an open|elusive|"
    r"controversial|debated|unresolved|unexplained)|no consensus|"
    r"(?:insufficient|limited|inconclusive|little|scarce|sparse) (?:evidence|data|information|research)|"
    r"lack of (?:evidence|data|consensus|studies|research)|little is known|"
    r"(?:further|more|future|additional|larger|longer|long-term) (?:[\w-]+ )?(?:research|studies|study|work|"
    r"trials?|investigations?|data|evidence|analys[ie]s|experiments) (?:\w+ )?(?:is|are|will be|should|needs?|"
    r"must|required|warranted|needed)|"
    r"warrants? further|needs? (?:to be|further)|(?<!% )(?:was|were|is|are|remain(?:s|ed)?|stay(?:s|ed)?) (?:largely |"
    r"still )?(?:left )?(?:open|uncertain)\b|left to (?:later|other|future)|(?:do|does|did) not settle|"
    r"still had to be (?:shown|tested)|has not (?:yet )?been|have not (?:yet )?been|not yet been|"
    r"(?:was|were|is|are) not (?:answered|settled|covered)|(?:cannot|could not) be (?:settled|told|ruled out|"
    r"excluded)|cannot (?:prove|detect|show)|(?:do|does|did) not (?:show|prove|tell|say) (?:how|whether|what|which|if|"
    r"that the)|(?:do|does) not show that|"
    r"remain(?:s|ed)? (?:an )?open|remained to be|leaves? open|"
    r""
    r"(?:was|were) left (?:open|to|for)|says? little about|still missing|challenge ahead|separate question|"
    r"longer studies|assum(?:es?|ed) (?:no|that)|depends? on the assumed|open to challenge|simple extrapolation|"
    r"object to|was (?:withdrawn|retracted)|stayed uncertain)\b"
)  # fmt: skip
FUTURE = _any(
    r"\b(?:future (?:work|research|studies|directions)|(?:further|more|additional) (?:[\w-]+ )?(?:research|"
    r"studies|work|trials|investigations?)|warrants? further|should be (?:investigated|studied|explored)|"
    r"we (?:plan|hope|intend) to)\b"
)
ADMIN = _any(
    r"©|\(c\) (?:19|20)\d\d|\bcopyright\b|all rights reserved|\bpublished by\b|\blicen[cs]ed? (?:under|by)\b|"
    r"creative commons|clinicaltrials\.gov|\btrial registration\b|\bregistered (?:with|at|in|on)\b.*\b(?:prospero|"
    r"isrctn|nct)",
    r"\bfunded by\b|\bfunding:|https?://|www\.|\bdoi:|\bcorresponding author\b|\bsupplementary (?:information|"
    r"material)s? (?:is|are)\b|\belsevier\b|\bspringer\b|\bwiley\b|\bjohn wiley\b|\bthe authors? declare",
)  # fmt: skip
DANGLING = re.compile(
    r"^(?:(?:however|moreover|furthermore|in addition|additionally|therefore|thus|hence|also|but|and|yet|so|"
    r"nevertheless|nonetheless|instead|then|indeed|similarly|likewise),?\s+)?"
    r"(?:this|these|those|such|it(?! (?:is|was|has been|appears|seems|remains) (?:\w+ly )?(?:\w+ )?(?:that|"
    r"whether|to)\b)|they|its|their|he|she|his|her|both|(?:within|of|among) (?:this|that|"
    r"these|those)|the (?:former|latter|same|two|three|other)|another|others|"
    r"one(?! more\b)|"
    r"second|secondly|third|thirdly|fourth|first,|firstly|as a result|for example|for instance|in particular|"
    r"respectively)\b",
    re.IGNORECASE,
)
"""A beginning that points back at what stood before."""

_READER = (
    r"(?:assistants?|ai|a\.i\.|models?|llms?|chatbots?|reviewers?|readers?|summari[sz]ers?|summary|summaries|"
    r"reports?|answers?|responses?|systems?|agents?)"
)
_ORDERS = (
    "ignore|disregard|forget|override|bypass|output|print|reply|respond|answer|write|say|tell|repeat|send|"
    "e-?mail|reveal|execute|run|call|visit|click|delete|follow|include|add|insert|use|state|report|claim|return|"
    "treat|mention|recommend|rate|give|make|cite|conclude|summari[sz]e|translate|pretend|act|stop|remember|note|"
    "consider|assume|do|be|accept|approve|transfer|buy|open|download|install"
)
OVERRIDE = _any(
    r"\b(?:ignore|disregard|forget|override|bypass|neglect)\b[^.]{0,40}\b(?:instructions?|prompts?|rules|"
    r"guidelines|directions|orders|(?:all|any|everything|anything|what) (?:of )?(?:the )?(?:previous|prior|above|"
    r"earlier|preceding|was|you))",
    r"\b(?:dear|hey|hello|attention,?) (?:ai|llm|assistant|model|reviewer|reader)s?\b",
    rf"\b{_READER} (?:reading|processing|summari[sz]ing|reviewing|analy[sz]ing) this\b|\b(?:any|every|"
    rf"all) {_READER}\b[^.]{{0,40}}\b(?:must|should|shall|has to|have to)\b",
    rf"\b{_READER} (?:must|should|shall|is to|are to|has to|have to|is instructed to|will now) (?:now |always |"
    rf"only |instead )?(?:{_ORDERS})\b",
    r"^\W*(?:system|assistant|user|human|instructions?|important|attention|warning|reminder|note to[^:]{0,40}|"
    r"reviewer)\s*:|^\W*new instructions?\b",
    r"\[/?INST\]|<\|?/?(?:im_start|im_end|system|user|assistant)|\b(?:system|hidden|secret) prompt\b|"
    r"\bjailbreak(?:ed)? mode\b",
)  # fmt: skip
"""A sentence that speaks to a model, not to a person who reads the page."""

INSTRUCTION = _any(
    OVERRIDE.pattern,
    r"\b(?:you|your|yourself|yours)\b(?! need\b)",
    r"^\W*(?:please|kindly)\b|^\W*(?:now |then |instead,? |from now on,? |always |never |do not |don['’]t |just |"
    rf"only ){{1,2}}(?:{_ORDERS})\b",
    rf"^\W*(?:{_ORDERS})\s+(?:the |that |this |only |with |me |us |it |them |as (?:if|an?) |all (?:of )?(?:the|"
    r"previous|prior|findings|papers|other)\b|to (?:the user|everyone)|an? (?:poem|story|list|joke|positive|"
    r"review|summary|message|mail|email|report|answer))",
    r"\bapi[_ ]key\b|\bpassword\b",
)  # fmt: skip
"""A sentence that speaks to whoever reads it: never a finding, never part of an answer."""


def instructs(sentence: str) -> bool:
    """Whether a sentence gives orders to its reader; errs on the side of yes."""
    return INSTRUCTION.search(sentence) is not None


RECEIPT = re.compile(r"(?:Wrote|Put) [\d,]+ characters (?:to|at the end of) \S+\.")
"""What the workspace says of a file that it wrote, which is no finding."""
LISTED = re.compile(r"[-*] .+ \([a-z]+:\S+\)")
"""A source in the list of a note."""
SIGNED = re.compile(r"\(extractive, no language model.*\)")
"""How what this model made is signed."""

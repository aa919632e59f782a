"""Reading one pattern of question: from its named groups to what is asked, subject, verb and object."""

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from threadloom.models.extractive.lexicon import (
    ADOPTING,
    DETERMINERS,
    EFFECT_VERBS,
    MEASURES,
    NOMINAL,
    PASSIVE_KINDS,
    QUALITIES,
    VERBS,
)
from threadloom.models.extractive.text import words
from threadloom.models.extractive.verbs import base, gerund, guessed, is_base, is_participle, is_third, split, third

Kind = Literal["effect", "comparison", "mechanism", "overview", "history", "measure", "policy", "unread"]
"""What is asked; "unread" where the grammar was not understood."""


@dataclass(frozen=True)
class Question:
    """A question taken apart. Noun phrases keep the article they need inside a sentence."""

    kind: Kind
    topic: str
    subject: str = ""
    """What acts, or the first of two things compared."""
    object: str = ""
    """What it acts on, or the second of two things compared."""
    claim: str = ""
    """The statement a yes would affirm: "sleep loss impairs memory"; empty where grammar is not sure."""
    verbs: frozenset[str] = frozenset()
    """Words that are verbs in this question and so no part of its terms."""
    text: str = ""
    """The words its search terms are in, where that is not the question itself."""


def _act(kind: Kind, subject: str, verb: str, target: str, claim: str) -> Question:
    """A question about somebody doing something: the effect of one on the other where the verb says so."""
    inner = split(target, is_base) if verb in _ENABLING else None
    verbs = frozenset({verb, third(verb), *(inner[1:2] if inner else ())})
    pronoun = subject.lower() in _ANYBODY
    if found := _plainly(kind, subject, verb, target, claim):
        return replace(found, verbs=verbs)
    if verb in EFFECT_VERBS | _FURTHER_EFFECTS and target and not pronoun:
        aim = re.sub(r"^(?:to|against|on|in|from)\s", "", target)
        kind = "effect" if kind in {"mechanism", "overview"} else kind
        return Question(kind, f"the effect of {subject} on {aim}", subject, aim, claim, verbs)
    if pronoun:
        return Question(kind, f"{gerund(verb)} {target}" if target else verb, "", target, "", verbs)
    if verb in _BARE and (not target or target.split(" ", maxsplit=1)[0].lower() in DETERMINERS):
        return Question(kind, f"{subject} {target}", subject, target, claim if not target else "", verbs)
    doing = "" if subject.endswith(gerund(verb)) else gerund(verb)
    return Question(kind, f"{subject} {doing} {target}", subject, target, claim, verbs)


def _plainly(kind: Kind, subject: str, verb: str, target: str, claim: str) -> Question | None:
    """Verbs that are no part of the topic: "does X help them", "does X have Y", "should we adopt X"."""
    if verb in _ENABLING and (not target or target.lower() in _ANYBODY):
        return Question(kind, subject, "", subject, claim)
    if verb == "have" and target and kind != "policy" and subject.lower() not in _ANYBODY:
        own = len(target.split()) <= 2 and target.split(maxsplit=1)[0].lower() not in DETERMINERS
        return Question(kind, f"the {target} of {subject}" if own else f"{subject} and {target}", "", target, claim)
    if kind == "policy" and verb in ADOPTING and target and subject.lower() not in _ANYBODY:
        return Question(kind, target, target)
    if kind == "measure" and verb in _COUNTED:
        return Question(kind, f"{subject} {verb} {target}", subject, target, claim)
    return None


_ENABLING = frozenset({"help", "let", "enable", "allow"})
"""Verbs that take a person and what the person does: "help people lose weight"."""
_FURTHER_EFFECTS = frozenset(words("shorten lengthen extend prolong hurt weaken strengthen kill save"))
_FURTHER_VERBS = _FURTHER_EFFECTS | frozenset(
    words("beat fear enjoy disappear vanish prefer trust win fail believe dominate")
)
_ANYBODY = frozenset(
    words(
        "we i you one people it they there them us me him her scientists researchers doctors economists astronomers "
        "physicists biologists experts"
    )
)
"""Subjects that say nothing of what is asked."""
_COUNTED = frozenset({"rise", "fall", "decline", "change", "increase", "decrease", "drop"})
"""Verbs that are nouns too: "how much does sea level rise" asks for sea level rise."""
_BARE = frozenset({"work", "function", "operate", "exist", "matter", "happen", "occur", "do"})
"""Verbs that add nothing to their subject."""


def clause(match: re.Match[str]) -> Question | None:
    """[How|why|when|what X] AUX SUBJECT VERB OBJECT."""
    wh, aux, rest, thing = (
        (match["wh"] or "").lower().strip(),
        match["aux"].lower(),
        match["rest"],
        match["thing"] or "",
    )
    if thing and is_base(rest.split()[0].lower()):
        rest, thing = f"{thing} {rest}", ""
    kind = _kind(wh, aux)
    rest = _BESIDE.sub("", rest)
    if being := re.fullmatch(r"(?P<x>.+?) be (?P<y>.+)", rest):
        return Question("effect", f"{being['x']} {being['y']}", "", being["x"])
    parts = split(rest, is_participle if aux in _PERFECT else _acts)
    if parts is None and aux in {"do", "can", "could"}:
        parts = guessed(rest)
    if parts is None:
        return None if aux in _PERFECT else Question("unread", f"{thing} {rest}")
    subject, verb, target = parts[0], parts[1], f"{thing} {parts[2]}".strip()
    if aux in _PERFECT:
        return _perfect(kind, subject, aux, verb, target)
    said = {"does": third(verb), "do": verb, **dict.fromkeys(("can", "could", "may", "might"), f"can {verb}")}
    claim = f"{subject} {said[aux]} {target}".strip() if aux in said and not thing else ""
    return _act(kind, subject, verb, target, claim)


_BESIDE = re.compile(
    r" (?:more|less|better|worse|faster)(?: \w+)? than (?:they|it|we|he|she) (?P<verb>\w+).*$", re.IGNORECASE
)
"""A clause beside the one that asks: "… more than they enjoy gains"."""


def _acts(word: str) -> bool:
    return (is_base(word) and word not in {"model", "stem"}) or word in _FURTHER_VERBS or word == "have"


_PERFECT = frozenset({"has", "have", "had"})


def _perfect(kind: Kind, subject: str, aux: str, verb: str, target: str) -> Question:
    """HAS SUBJECT PARTICIPLE OBJECT."""
    plain = base(verb)
    if plain in EFFECT_VERBS and target and plain != "change":
        return _act(kind, subject, plain, target, f"{subject} {aux} {verb} {target}")
    topic = f"changes in {subject}" if plain == "change" else f"{subject} {target}"
    return Question(kind, topic, subject, target, verbs=frozenset({verb}))


def _kind(wh: str, aux: str) -> Kind:
    if aux in {"should", "must"}:
        return "policy"
    for start, kind in _WH_KINDS:
        if wh.startswith(start):
            return kind
    return "effect"


_WH_KINDS: tuple[tuple[str, Kind], ...] = (
    ("how much", "measure"), ("how many", "measure"), ("how often", "measure"), ("how far", "measure"),
    ("how long", "measure"), ("how fast", "measure"), ("how well", "effect"), ("how strongly", "effect"),
    ("how", "mechanism"), ("why", "mechanism"),
    ("when", "history"), ("who", "history"), ("where", "overview"), ("what", "overview"), ("which", "overview"),
)  # fmt: skip


def versus(match: re.Match[str]) -> Question | None:
    """A against B."""
    first, second = match["a"].strip(" ,"), match["b"].strip(" ,")
    parts = split(first, is_base)
    verbs = frozenset(parts[1:2]) if parts else frozenset()
    if parts and not match.groupdict().get("whole"):
        first = parts[0]
    if not first or not second or first.lower() in {"it", "there", "this", "that"} or _CLAUSE.match(second):
        return None
    second += match.groupdict().get("ctx") or ""
    return Question("comparison", f"{first} versus {second}", first, second, verbs=verbs)


_CLAUSE = re.compile(r"(?:they|it|we|he|she) ", re.IGNORECASE)


def effect_noun(match: re.Match[str]) -> Question:
    """The effect of X on Y."""
    named, subject, target = match["noun"].lower(), match["x"], match["y"]
    return Question("effect", f"the {named} of {subject} on {target}", subject, target)


def degree(match: re.Match[str]) -> Question:
    """How effective, old, safe … is X."""
    adjective, thing = match["adj"].lower(), match["x"]
    if adjective in MEASURES:
        thing = re.sub(r"^(?:the )?(.+) (\w+ing)$", r"the \2 \1", thing)  # "the sea level rising"
        return Question("measure", f"the {MEASURES[adjective]} of {thing}", thing)
    return Question("effect", thing, thing)


def passive(match: re.Match[str]) -> Question | None:
    """[How|when|why] IS X PARTICIPLE rest."""
    wh = match["wh"].lower().strip()
    parts = split(match["rest"], is_participle)
    kind = _kind(wh, "is")
    if parts is None:
        return _contrast(kind, match["rest"]) or _state(kind, match["rest"], unknown="unread")
    subject, verb, rest = parts
    made = NOMINAL.get(verb)
    topic = f"the {made} of {subject} {rest}" if made else f"{subject} {verb} {rest}"
    asked: Kind = PASSIVE_KINDS.get(verb, "overview") if wh.startswith("how") else kind
    return Question(asked, topic, subject, verbs=frozenset({verb}))


def yes_no(match: re.Match[str]) -> Question:
    """IS X associated with Y, IS X adjective …"""
    linked = re.fullmatch(
        r"(?P<x>.+?) (?:\w+ly )?(?:associated with|linked (?:to|with)|related to|correlated with|connected (?:to|"
        r"with)|responsible for|a (?:risk factor|predictor|cause) (?:for|of))\s(?P<y>.+)",
        match["rest"],
        re.IGNORECASE,
    )
    if linked:
        return Question("effect", f"the link between {linked['x']} and {linked['y']}", linked["x"], linked["y"])
    able = re.fullmatch(r"(?P<x>.+?) (?:capable of|able to) (?P<y>.+)", match["rest"], re.IGNORECASE)
    if able:
        return Question("effect", f"{able['x']} and {able['y']}", able["x"], able["y"])
    named = re.fullmatch(r"(?P<x>(?:(?:the|an?) )?[\w -]+?(?<! of)(?<! in)) (?P<y>an? .+)", match["rest"])
    if named:
        return Question("effect", f"{named['x']} as {named['y']}", "", named["x"])
    return _state("effect", match["rest"])


def _contrast(kind: Kind, rest: str) -> Question | None:
    """Some X are one way and others another."""
    found = re.fullmatch(
        r"some (?P<x>[\w -]+) (?P<a>\w+) (?:and|but|while) (?:others|some) (?P<b>\w+)", rest, re.IGNORECASE
    )
    if found is None:
        return None
    text = f"{found['a']} {found['x']} and {found['b']} {found['x']}"
    return Question(kind, f"differences between {found['a']} and {found['b']} {found['x']}", text=text)


def _state(kind: Kind, rest: str, unknown: Kind | None = None) -> Question:
    """X with its predicate taken off: "the universe accelerating" asks about the universe."""
    tokens = rest.split()
    at = next((index for index in range(len(tokens) - 1, 0, -1) if _is_predicate(tokens, index)), None)
    if at is None:
        past = [word for before, word in pairwise(tokens) if word.endswith("ed") and before.lower() not in DETERMINERS]
        return Question(unknown or kind, rest, verbs=frozenset(past))
    word, subject, tail = tokens[at].lower().strip(","), " ".join(tokens[:at]), " ".join(tokens[at + 1 :])
    if (kind == "mechanism" or word.endswith("ing")) and not tail:
        article = re.match(r"(?:(?:the|an?) )?", subject)
        end = article.end() if article else 0
        topic = f"{subject[:end]}{word} {subject[end:]}"
        if word.endswith("ing"):
            return Question(kind, topic, "", topic, verbs=frozenset({word}))
        return Question(kind, topic, topic, text=topic)
    tail = re.sub(r"^(?:enough )?to\s", "for ", tail)
    return Question(kind, f"{subject} {tail}".strip(), "", subject, verbs=frozenset({word}))


def _is_predicate(tokens: list[str], at: int) -> bool:
    word, last = tokens[at].lower().strip(","), at == len(tokens) - 1
    known = word in QUALITIES or (word.endswith("ing") and last)
    return known and tokens[at - 1].lower() not in DETERMINERS


_CAUSES = {
    "causes": "the causes of", "cause": "the causes of", "caused": "the causes of", "drives": "the drivers of",
    "determines": "the determinants of", "explains": "explanations of", "limits": "the limits of", "happens to": "",
    "makes": "", "are": "", "is": "",
}  # fmt: skip


def agent(match: re.Match[str]) -> Question | None:
    """What|who|which VERBs X: factors."""
    verb, thing = match["verb"].lower(), match["x"]
    if verb == "happens to" and (met := re.fullmatch(r"(?P<x>.+?) (?:when|if|as) (?P<rest>.+)", thing)):
        return _meeting(met["x"], met["rest"])
    if verb in _CAUSES:
        return Question("mechanism", f"{_CAUSES[verb]} {thing}", thing, verbs=frozenset({verb}))
    plain = base(verb)
    if plain not in VERBS:
        return None
    kind: Kind = "history" if match["wh"].lower() == "who" else "mechanism"
    lead = gerund(plain) if kind == "history" else f"factors {gerund(plain)}"
    return Question(kind, f"{lead} {thing}", thing, verbs=frozenset({verb}))


def _meeting(thing: str, rest: str) -> Question:
    """X when Y rises."""
    parts = split(rest, is_third)
    if parts is None:
        return Question("effect", f"{thing} and {rest}", "", thing)
    subject, verb, target = parts
    cause = f"{subject} {gerund(base(verb))} {target}" if target else f"{gerund(base(verb))} {subject}"
    return Question(
        "effect", f"the effect of {cause} on {thing}", cause, thing, verbs=frozenset({verb, gerund(base(verb))})
    )


def done_to(match: re.Match[str]) -> Question:
    """What did X do to Y."""
    return Question("effect", f"the effect of {match['x']} on {match['y']}", match["x"], match["y"])


def which(match: re.Match[str]) -> Question | None:
    """Which X [can] VERB Y."""
    parts = split(re.sub(r"\b(?:can|could|may|might|will|should|best)\s", "", match["rest"]), is_third)
    if parts is None or not parts[2]:
        return None
    subject, verb, target = parts
    return _act("overview", subject, base(verb), target, "")


def amount(match: re.Match[str]) -> Question:
    """How many X are …, how much X follows Y."""
    parts = split(match["x"], lambda word: word.endswith("s") and is_third(word))
    if parts:
        link = "after" if parts[1] == "follows" else "and"
        return Question("measure", f"{parts[0]} {link} {parts[2]}".strip(), parts[0], verbs=frozenset({parts[1]}))
    return Question("measure", re.sub(r" (?:is|are|was|were)\b", "", match["x"]), match["x"])


def how_works(match: re.Match[str]) -> Question | None:
    """[Explain] how X VERBs."""
    parts = split(match["rest"], is_third)
    return _act("mechanism", parts[0], base(parts[1]), parts[2], "") if parts else Question("mechanism", match["rest"])


def if_happens(match: re.Match[str]) -> Question:
    """What happens if X VERBs."""
    parts = split(match["rest"], is_third)
    topic = f"{parts[0]} {gerund(base(parts[1]))} {parts[2]}".strip() if parts else match["rest"]
    return Question("effect", topic, topic)


def link(match: re.Match[str]) -> Question:
    """A link between X and Y."""
    return Question(
        "effect", f"the {match['noun'].lower()} between {match['x']} and {match['y']}", match["x"], match["y"]
    )


def about(match: re.Match[str]) -> Question:
    """X: does it …? and What role does X play in Y?"""
    topic = f"{match['x']} {match['y'] or ''}".strip()
    return Question("effect", topic, topic, text=topic)


def noun(match: re.Match[str]) -> Question:
    """What is X, what is X made of."""
    if made := re.fullmatch(r"(?P<x>.+?) (?:made(?: up)?|composed) of", match["x"]):
        return Question("overview", f"the composition of {made['x']}", made["x"], verbs=frozenset({"made", "composed"}))
    topic = re.sub(
        r"^(?:the )?(?:role|use|importance|relevance|significance|function|purpose) of\s",
        "",
        match["x"],
        flags=re.IGNORECASE,
    )
    topic = re.sub(
        r"^(?:the )?(?:main|key|major|most important|primary|current|known|best|biggest) ",
        "the ",
        topic,
        flags=re.IGNORECASE,
    )
    return Question("overview", topic, topic)


def mechanism_noun(match: re.Match[str]) -> Question:
    """The mechanisms, causes, drivers … of X."""
    return Question("mechanism", f"the {match['noun'].lower()} {match['of'].lower()} {match['x']}", match["x"])


def how_to(match: re.Match[str]) -> Question:
    """How to VERB X, how can we VERB X."""
    verb = match["verb"].lower()
    return Question("policy", f"{gerund(verb)} {match['x']}", match["x"], verbs=frozenset({verb}))


def phrase(match: re.Match[str]) -> Question:
    """A statement or a mere phrase."""
    text = match[0]
    statement = re.fullmatch(r"(?P<x>.+?) (?:is|are|was|were|has been|have been) (?P<y>.+)", text)
    if statement and " " not in statement["y"]:
        return _state("mechanism", f"{statement['x']} {statement['y']}")
    if statement:
        return Question("effect", f"{statement['x']} {statement['y']}", statement["x"])
    parts = split(text, is_third)
    if parts and parts[1] not in VERBS and base(parts[1]) in EFFECT_VERBS and _is_object(parts[2]):
        subject, verb, target = parts
        return _act("effect", subject, base(verb), target, f"{subject} {verb} {target}")
    return Question("overview", text, text)


def _is_object(text: str) -> bool:
    """Whether words after a verb begin a noun phrase, not a prepositional one ("gene drives in mosquitoes")."""
    return bool(text) and text.split(maxsplit=1)[0].lower() not in DETERMINERS - {"the", "a", "an"}

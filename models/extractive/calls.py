"""Which tools a request plainly asks for, and with what arguments; by vocabulary alone."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from threadloom.models.extractive.classify import classify
from threadloom.models.extractive.days import FORTNIGHT, written
from threadloom.models.extractive.lead import gist
from threadloom.models.extractive.sums import has_sum, in_figures, sums
from threadloom.models.extractive.text import FILLER_STEMS, squeeze, terms

NAME_WEIGHT = 2
LEAST = 2
"""Score from which a request asks for a tool: one word of its name, or two of its description and arguments."""
_WHOLE = re.compile(r"query|question|input|text|search|prompt|message|request|content|body|instruction", re.IGNORECASE)
_LOOKUP = re.compile(r"\b(search|look up|find|retrieve)", re.IGNORECASE)
_SOON = re.compile(
    r"\bwhen(?:'s| is| are)\b.*\bnext\b|\bupcoming\b|\bcoming up\b|"
    r"\b(?:I|we|my|our)\b.*\b(?:appointments?|meetings?|calendar|schedule|agenda|diary)\b",
    re.IGNORECASE,
)
"""Asks for days to come without naming one."""
DOING = re.compile(
    r"\W*(?:please )?(?:write|draft|compose|calculate|compute|convert|work out|translate|book|buy|organi[sz]e|schedule|"
    r"remind)\b(?! (?:how|what|why|when|whether|which|who)\b)",
    re.IGNORECASE,
)
"""What is to be done is not looked up: who has something written has it looked up before."""
_WRITING = re.compile(
    r"\b(?:write|draft|compose|save|store|append|add|put|record|jot|create|make|keep)\b", re.IGNORECASE
)
_FILES = re.compile(r"files?(?:_|$)")
_ASKING = r"(?:what|who|when|where|why|which|how|is|are|do|does|did)\b"
CLAUSE = re.compile(rf"(?<=[?!.;])\s+|,?\s+(?:and|then|also|but)\s+(?={_ASKING})", re.IGNORECASE)
_QUESTION = re.compile(_ASKING, re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.])(?<!\w-)-?\d+(?:\.\d+)?(?![\w])")
_QUOTED = re.compile(r"[\"“«]([^\"”»]+)[\"”»]|(?<!\w)'([^']+)'(?!\w)|‘([^’]+)’")
_NAMED = re.compile(r"(?<=[\w,] )(?:[A-Z][\w&.-]*)(?:,? (?:of |the |de )?[A-Z][\w&.-]*)*")
_URL = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,;:!?)]")
PATH = re.compile(r"(?<![\w/.])(?:[\w-]+/)*[\w-]{2,}\.[A-Za-z]\w{1,4}\b")
"""A file that a request names."""
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?\b")
_SELECT = re.compile(r"\b(?:SELECT|WITH)\b.*\bFROM\b.*", re.DOTALL)
_LIMIT = re.compile(r"\b(?:top|first|limit|at most|up to)\s+$", re.IGNORECASE)

Tool = Mapping[str, Any]


def wanted(request: str, tools: Sequence[Tool], done: Sequence[str]) -> list[Tool]:
    """Tools the request asks for and that have not answered yet, in the order given."""
    asked = [
        tool
        for tool in tools
        if (score(request, tool) >= LEAST or "url" in needed(tool)) and arguments(request, tool) is not None
    ]
    asked = [tool for tool in asked if (needed(tool) or _named(request, tool)) and _may_write(request, tool)]
    if any("path" in needed(tool) for tool in asked):  # a file that is named is neither listed nor looked for
        asked = [tool for tool in asked if "path" in needed(tool) or not _FILES.search(tool["name"])]
    return [tool for tool in asked if tool["name"] not in done]


def _may_write(request: str, tool: Tool) -> bool:
    """Whether a tool writes no file, or the request says that something is to be written."""
    writes = {"path", "content"} <= needed(tool).keys()
    return not writes or tool["name"] in request or _WRITING.search(request) is not None


def _named(request: str, tool: Tool) -> bool:
    """Whether a request names more of a tool than what it does: "list three findings" asks for no list of files.

    A tool that must be given nothing would be called by that one word.
    """
    does = terms(_spaced(tool["name"]))[:1]
    about = set(terms(f"{_spaced(tool['name'])} {tool.get('description', '')}")).difference(does)
    return tool["name"].lower() in request.lower() or not about.isdisjoint(terms(request))


def likely(request: str, tools: Sequence[Tool]) -> list[Tool]:
    """Where no tool is asked for by its words: one that works out sums, one that knows days, one that looks things up.

    What a database holds is looked at too: whether a request is about it only its tables say.
    """
    able = [tool for tool in tools if arguments(request, tool) is not None]
    working = calculators(request, able)
    dated = [tool for tool in able if any(map(_is_day, needed(tool).values()))]
    looking = [tool for tool in able if _LOOKUP.search(f"{_spaced(tool['name'])} {tool.get('description', '')}")]
    named, holding = bool(written(request)), [tool for tool in able if describes(tool)]
    if not named and not _has_words(request):
        return working
    looking = [] if (dated and named) or DOING.match(request) else [best(request, looking)] if looking else []
    return [*working, *dated[:1], *looking, *holding]


def calculators(request: str, tools: Sequence[Tool]) -> list[Tool]:
    """The tool that works out the sums of a request, if it has any."""
    return [tool for tool in tools if any(map(_is_formula, _properties(tool)))][:1] if has_sum(request) else []


def unheard(request: str, tools: Sequence[Tool], *, heard: bool) -> list[str]:
    """Of a request that asks several things the questions for which no tool is asked for by its words.

    Where no tool is `heard` at all that is the request itself, too.
    """
    asking = [part for part in questions(request) if _QUESTION.match(part) and not wanted(part, tools, ())]
    return asking if heard else [request, *(asking if len(asking) > 1 else [])]


def questions(request: str) -> list[str]:
    """The questions of a request that has more to it than one."""
    parts = CLAUSE.split(request)
    return [part for part in parts if _QUESTION.match(part) or part.endswith("?")] if len(parts) > 1 else []


def _has_words(request: str) -> bool:
    """Whether some part of a request is no sum to be worked out."""
    parts = [part for part in CLAUSE.split(in_figures(request)) if not has_sum(part)]
    return any(set(terms(part)) - FILLER_STEMS for part in parts)


def describes(tool: Tool) -> bool:
    """Whether a tool tells what a database holds."""
    return tool["name"].startswith("describe") and not needed(tool)


def needed(tool: Tool) -> dict[str, Any]:
    """The arguments that a tool must be given, by name."""
    required = tool.get("parameters", {}).get("required", [])
    return {name: field for name, field in _properties(tool).items() if name in required}


def score(request: str, tool: Tool) -> float:
    """How much of the request's vocabulary a tool shares, its name counting double."""
    asked = set(terms(request)) - FILLER_STEMS
    name = set(terms(_spaced(tool["name"])))
    about = set(terms(f"{tool.get('description', '')} {' '.join(map(_spaced, _properties(tool)))}"))
    literal = tool["name"].lower() in request.lower()
    return NAME_WEIGHT * len(name & asked) + len((about - name) & asked) + (LEAST if literal else 0)


def best(request: str, tools: Sequence[Tool]) -> Tool:
    """The tool nearest to a request; the first of equals."""
    return max(tools, key=lambda tool: score(request, tool))


def arguments(request: str, tool: Tool, *, forced: bool = False, content: str | None = "") -> dict[str, Any] | None:
    """Arguments read off the request; None if a required one is not there. A forced call makes do with the request.

    `content` is what there is to write, where an argument of that name is wanted and nothing is quoted; None if that
    was looked for and is not there.
    """
    pool = _Pool(request.replace(tool["name"], " "), content, tool)
    required = needed(tool)
    found: dict[str, Any] = {}
    for name, field in _properties(tool).items():
        value = pool.take(name, field, needed=name in required)
        if value is None and name in required:
            if not forced:
                return None
            value = {"integer": 0, "number": 0, "boolean": False, "array": [], "object": {}}.get(
                str(field.get("type")), squeeze(request)
            )
        if value is not None:
            found[name] = value
    return found


def every(request: str, tool: Tool, *, content: str | None = "") -> list[dict[str, Any]]:
    """Arguments of each call of a tool that is asked for: one for every sum that it is to work out, else one.

    None if a required one is not there.
    """
    first = arguments(request, tool, content=content)
    if first is None:
        return []
    formula = next((name for name in first if _is_formula(name)), "")
    return [{**first, formula: one} for one in sums(request)] if formula else [first]


def _properties(tool: Tool) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = tool.get("parameters", {}).get("properties", {})
    return properties


def _is_formula(name: str) -> bool:
    return re.search(r"expression|formula|equation|sum", name, re.IGNORECASE) is not None


def _spaced(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[_-]", " ", name)


def _is_day(field: Mapping[str, Any]) -> bool:
    return field.get("format") == "date"


def _fitting(text: str, most: int | None) -> str:
    """What of a text an argument may hold: of too long a one what asks."""
    return text if most is None or len(text) <= most else gist(text)[-most:]


class _Pool:
    """What a request holds that can be an argument; each number, quotation and name is used once."""

    def __init__(self, request: str, content: str | None, tool: Tool) -> None:
        self.request, self.content = squeeze(request), content
        self.things = set(terms(f"{_spaced(tool['name'])} {tool.get('description', '')}"))
        self.days = written(request) or ([FORTNIGHT] if _SOON.search(request) else [])
        self.paths: list[str] = PATH.findall(request)
        self.urls: list[str] = _URL.findall(request)
        self.numbers = list(_NUMBER.finditer(self.request))
        self.quoted = ["".join(match) for match in _QUOTED.findall(request)]
        self.named = _NAMED.findall(self.request)

    def take(self, name: str, field: Mapping[str, Any], *, needed: bool) -> Any:
        kind = field.get("type")
        if "enum" in field:
            return classify(self.request, {str(option): "" for option in field["enum"]}) or None
        if kind in {"integer", "number"}:
            return self._number(name, field, needed=needed)
        if kind == "string" and _is_day(field):
            return self.days.pop(0) if len(self.days) > 1 else next(iter(self.days), None)
        if name == "sql":
            selects = _SELECT.search(self.request)
            return selects[0] if selects else None
        if kind == "string" and field.get("format") != "time":
            found = self._string(name, needed=needed)
            return found if found is None else _fitting(found, field.get("maxLength"))
        return None

    def _number(self, name: str, field: Mapping[str, Any], *, needed: bool) -> int | float | None:
        """The next number that fits; one that need not be given is a count of what the tool is about, or named so."""
        for match in self.numbers:
            value = float(match[0])
            fits = field.get("minimum", value) <= value <= field.get("maximum", value)
            meant = needed or self._counts(match) or re.search(rf"\b{name}\W{{0,3}}$", self.request[: match.start()])
            if fits and meant and (field.get("type") == "number" or "." not in match[0]):
                self.numbers.remove(match)
                return int(match[0]) if "." not in match[0] else value
        return None

    def _counts(self, number: re.Match[str]) -> bool:
        """Whether a number says how many of the tool's things: "5 papers", "the top 5"."""
        after = re.match(r"\s+([A-Za-z]+)", self.request[number.end() :])
        counted = after is not None and bool(self.things.intersection(terms(after[1])))
        return counted or _LIMIT.search(self.request[: number.start()]) is not None

    def _string(self, name: str, *, needed: bool) -> str | None:
        if _is_formula(name):
            return next(iter(sums(self.request)), None)
        if re.search(r"date|day|when", name, re.IGNORECASE):
            dated = _DATE.search(self.request)
            return dated[0] if dated else (self.request if needed else None)
        if name in {"path", "url"}:  # a whole request is neither
            there = self.urls if name == "url" else self.paths or self.quoted
            return there.pop(0) if there else None
        if name == "content" and self.content != "" and not self.quoted:
            return self.content
        for pool in (self.quoted, [] if _WHOLE.search(name) else self.named):
            if pool:
                return pool.pop(0).strip()
        return self.request if needed else None

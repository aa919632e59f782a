"""Which tools a request plainly asks for, and with what arguments; by vocabulary alone."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from threadloom.models.extractive.classify import classify
from threadloom.models.extractive.text import FILLER_STEMS, squeeze, terms

NAME_WEIGHT = 2
LEAST = 2
"""Score from which a request asks for a tool: one word of its name, or two of its description and arguments."""
_WHOLE = re.compile(r"query|question|input|text|search|prompt|message|request|content|body|instruction", re.IGNORECASE)
_LOOKUP = re.compile(r"\b(search|look up|find|retrieve)", re.IGNORECASE)
_ASKS = re.compile(
    r"\?\s*$|^\W*(who|what|when|where|why|which|how|is|are|do|does|did|can|tell|explain|describe)\b", re.IGNORECASE
)
_NUMBER = re.compile(r"(?<![\w.])(?<!\w-)-?\d+(?:\.\d+)?(?![\w])")
_SHARE = re.compile(r"-?\d+(?:\.\d+)?(?=\s*(?:%|per ?cent\b))", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“«]([^\"”»]+)[\"”»]|(?<!\w)'([^']+)'(?!\w)|‘([^’]+)’")
_NAMED = re.compile(r"(?<=[\w,] )(?:[A-Z][\w&.-]*)(?:,? (?:of |the |de )?[A-Z][\w&.-]*)*")
_FORMULA = re.compile(r"[-(]*\d[\d\s.()+*/^%-]*[\d)]")
_SUM = re.compile(r"\d\s*[*/+^]\s*[\d(]|\d\)?\s+[-%]\s+[\d(]")
_OPERATOR = re.compile(r"[\d)]\s*[-+*/^%]")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*(?:%|per ?cent)\s+of\s+(?=[\d(])", re.IGNORECASE)
"""A share of a number, which is written as a sum before anything is read: 17% of 2340 as 17 / 100 * 2340."""
_PATH = re.compile(r"(?<![\w/.])(?:[\w-]+/)*[\w-]{2,}\.[A-Za-z]\w{1,4}\b")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?\b")

Tool = Mapping[str, Any]


def wanted(request: str, tools: Sequence[Tool], done: Sequence[str]) -> list[Tool]:
    """Tools the request asks for and that have not answered yet, in the order given."""
    open_ = [tool for tool in tools if tool["name"] not in done]
    return [tool for tool in open_ if score(request, tool) >= LEAST and arguments(request, tool) is not None]


def likely(request: str, tools: Sequence[Tool]) -> list[Tool]:
    """Where no tool is asked for by its words: one that works out a sum, else one that looks a question up."""
    for tool in tools if _SUM.search(_summed(request)) else ():
        if any(map(_is_formula, _properties(tool))) and arguments(request, tool) is not None:
            return [tool]
    lookups = [tool for tool in tools if _LOOKUP.search(f"{_spaced(tool['name'])} {tool.get('description', '')}")]
    lookups = [tool for tool in lookups if arguments(request, tool) is not None]
    return [best(request, lookups)] if lookups and _ASKS.search(request) else []


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
    pool = _Pool(request.replace(tool["name"], " "), content)
    required = set(tool.get("parameters", {}).get("required", []))
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
    return [{**first, formula: one} for one in _sums(request)] if formula else [first]


def _sums(request: str) -> list[str]:
    """What there is to work out, as it is written; a number alone only where nothing else is there."""
    found = [one.strip() for one in _FORMULA.findall(_DATE.sub(" ", _summed(request)))]
    return list(dict.fromkeys(one for one in found if _OPERATOR.search(one))) or found[:1]


def _summed(request: str) -> str:
    return _PERCENT.sub(r"\1 / 100 * ", request)


def _properties(tool: Tool) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = tool.get("parameters", {}).get("properties", {})
    return properties


def _is_formula(name: str) -> bool:
    return re.search(r"expression|formula|equation|sum", name, re.IGNORECASE) is not None


def _spaced(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[_-]", " ", name)


class _Pool:
    """What a request holds that can be an argument; each number, quotation and name is used once."""

    def __init__(self, request: str, content: str | None) -> None:
        self.request, self.content = squeeze(request), content
        self.paths: list[str] = _PATH.findall(request)
        self.numbers = _NUMBER.findall(request)
        self.quoted = ["".join(match) for match in _QUOTED.findall(request)]
        self.named = _NAMED.findall(self.request)

    def take(self, name: str, field: Mapping[str, Any], *, needed: bool) -> Any:
        kind = field.get("type")
        if "enum" in field:
            return classify(self.request, {str(option): "" for option in field["enum"]}) or None
        if kind in {"integer", "number"}:  # what is to be worked out is nobody's limit
            shares = [] if needed else _SHARE.findall(self.request)
            return self._number(kind, shares) if needed or not _SUM.search(_summed(self.request)) else None
        if kind == "string":
            return self._string(name, needed=needed)
        return None

    def _number(self, kind: str, other: Sequence[str]) -> int | float | None:
        for text in self.numbers:
            if text not in other and (kind == "number" or "." not in text):
                self.numbers.remove(text)
                return int(text) if "." not in text else float(text)
        return None

    def _string(self, name: str, *, needed: bool) -> str | None:
        if _is_formula(name):
            return next(iter(_sums(self.request)), None)
        if re.search(r"date|day|when", name, re.IGNORECASE):
            dated = _DATE.search(self.request)
            return dated[0] if dated else (self.request if needed else None)
        if name == "path" and self.paths:
            return self.paths.pop(0)
        if name == "content" and self.content != "" and not self.quoted:
            return self.content
        for pool in (self.quoted, [] if _WHOLE.search(name) else self.named):
            if pool:
                return pool.pop(0).strip()
        return self.request if needed else None

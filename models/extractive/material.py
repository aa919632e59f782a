"""The material of one model call: elements of the messages read back, and the task in plain words.

The counterpart of `threadloom.models.prompts.element`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape
from json import loads

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from threadloom.models.answers import TAKES
from threadloom.models.extractive.sums import has_sum

_ELEMENT = re.compile(r"<(?P<tag>[A-Za-z]\w*)(?P<attributes>(?: \w+=\"[^\"<]*\")*)>\n(?P<text>[^<]*)\n</(?P=tag)>")
_BARE = re.compile(r"-?\d[\d.,]*|True|False", re.IGNORECASE)
_ATTRIBUTE = re.compile(r" (\w+)=\"([^\"<]*)\"")
ASIDE = frozenset(
    {"question", "sub_question", "today", "option", "label", "category", "instruction", "goal", "criterion", "remark"}
    | {"source"}
)
"""Elements that say what is asked, or name where it is from; all others hold material."""


FAILED = re.compile(r"The tool .*failed: ")
MOST_OF_FAILURE = 300
"""Characters of what a tool says of its failure: behind that it tells models how it is called."""


@dataclass(frozen=True)
class Element:
    """One piece of material with its text exactly as it was before escaping."""

    tag: str
    text: str
    attributes: dict[str, str]


@dataclass(frozen=True)
class Material:
    """What a call is about and what it may draw on."""

    question: str
    """The `<question>`, else the last human message without its elements."""
    task: str
    """The system message: instructions, never material."""
    elements: list[Element] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Paragraphs beside the question, where there are no elements."""
    results: list[str] = field(default_factory=list)
    """What tools answered since the last human message."""
    searched: bool = False
    """Whether some of that is a list of things found, which need not be what was looked for."""

    def of(self, *tags: str) -> list[Element]:
        """Elements with one of these tags, in order."""
        return [element for element in self.elements if element.tag in tags]

    def texts(self) -> list[str]:
        """All texts to draw on."""
        return [element.text for element in self.elements if element.tag not in ASIDE] + self.notes + self.results

    @property
    def year(self) -> int | None:
        """The current year from `<today>`, if it was given."""
        found = re.search(r"\b(?:19|20)\d\d\b", " ".join(element.text for element in self.of("today")))
        return int(found[0]) if found else None


def read(messages: Sequence[BaseMessage]) -> Material:
    """Material of a conversation: elements wherever they stand, results of tools only since the last human message."""
    last = max((i for i, message in enumerate(messages) if isinstance(message, HumanMessage)), default=-1)
    texts = [message.text for message in messages if not isinstance(message, (ToolMessage, AIMessage))]
    elements = [element for text in texts for element in parse(text)]
    asked = _ELEMENT.sub("", messages[last].text).strip() if last >= 0 else ""
    questions = [element.text for element in elements if element.tag == "question"]
    question, beside = (questions[-1], []) if questions else _asked(asked)
    results = _results(messages[last + 1 :])
    searched = any(isinstance(one, ToolMessage) and one.text.lstrip().startswith("[{") for one in messages[last + 1 :])
    task = "\n".join(message.text for message in messages if message.type == "system")
    return Material(question, _ELEMENT.sub("", task).strip(), elements, beside, results, searched)


def _results(messages: Sequence[BaseMessage]) -> list[str]:
    """What tools said. A bare value says what it is of, if that is a sum or there are others: "3 * 4 = 12"."""
    answers = [message for message in messages if isinstance(message, ToolMessage)]
    asked = {call["id"]: call["args"] for one in messages if isinstance(one, AIMessage) for call in one.tool_calls}
    told = [_result(message) for message in answers]
    of = [next(iter(asked.get(message.tool_call_id, {}).values()), message.name) for message in answers]
    several = len(told) > 1
    return [
        f"{what} = {one}." if _BARE.fullmatch(one) and (several or has_sum(str(what))) else one
        for what, one in zip(of, told, strict=True)
    ]


def _result(message: ToolMessage) -> str:
    """What a tool said; a JSON object as "key: value", of a list of them the sentences."""
    text = message.text.strip()
    try:
        value = loads(text)
    except ValueError:
        value = text
    if isinstance(value, dict) and "path" in value and isinstance(value.get("text"), str):
        text = value["text"]  # a file, or a part of one
    elif isinstance(value, dict):
        text = ", ".join(f"{key}: {part}" for key, part in value.items())
    elif isinstance(value, list):
        text = "\n\n".join(map(_told, value))
    if message.status != "error":
        return text
    why = text.partition(f" {message.name} {TAKES}")[0]
    return f"The tool {message.name or ''} failed: {why[:MOST_OF_FAILURE]}".replace("  ", " ")


def _told(item: object) -> str:
    """The text of an item of a list: of an object what it says: no ids, no addresses, no title over more."""
    if not isinstance(item, dict):
        return str(item)
    told = {key: part.strip() for key, part in item.items() if isinstance(part, str) and " " in part.strip()}
    said = [part for key, part in told.items() if key != "title" or len(told) == 1]
    return "\n".join(part if part[-1] in ".!?" else f"{part}." for part in said)


def parse(text: str) -> list[Element]:
    """Elements of a text, in order."""
    return [
        Element(
            match["tag"], unescape(match["text"]), {k: unescape(v) for k, v in _ATTRIBUTE.findall(match["attributes"])}
        )
        for match in _ELEMENT.finditer(text)
    ]


def _asked(text: str) -> tuple[str, list[str]]:
    """The paragraph that asks and those beside it."""
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    at = max((i for i, part in enumerate(paragraphs) if part.endswith("?")), default=0)
    return (paragraphs[at], paragraphs[:at] + paragraphs[at + 1 :]) if paragraphs else ("", [])

"""Databases and calendars asked in a conversation: from what a database holds to a query, from records to an answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage

from threadloom.models.extractive import rows
from threadloom.models.extractive.calls import needed
from threadloom.models.extractive.lead import gist
from threadloom.models.extractive.material import Material

SURE = 2
"""How plainly a question is about a table that names it."""


@dataclass(frozen=True)
class Tables:
    """What tools have told of databases since the last question."""

    question: str
    described: Mapping[str, str]
    """Tool that describes a database to what it said."""
    asked: frozenset[str]
    """Tools that were given a query."""
    answer: str
    """What the rows say."""

    def queries(self, tools: Sequence[Mapping[str, Any]], *, nothing: bool) -> list[tuple[str, dict[str, Any]]]:
        """Calls that get the rows of the table that the question names; with `nothing` else, also of one that fits."""
        made = []
        for tool in tools:
            described = self.described.get(f"describe_{tool['name'].removeprefix('query_')}", "")
            name, plain, _ = rows.table(self.question, described)
            if "sql" in needed(tool) and tool["name"] not in self.asked and plain >= (1 if nothing else SURE):
                most = tool["parameters"]["properties"].get("limit", {}).get("maximum")
                made.append(
                    (tool["name"], {"sql": rows.statement(name, tool, described), **({"limit": most} if most else {})})
                )
        return made


def read(material: Material, messages: Sequence[BaseMessage]) -> tuple[Tables, Material]:
    """What is known of databases, and the material without it: descriptions and rows are no sentences."""
    last = max((at for at, message in enumerate(messages) if isinstance(message, HumanMessage)), default=-1)
    results = [message for message in messages[last + 1 :] if isinstance(message, ToolMessage)]
    calls = {call["id"]: call for one in messages if isinstance(one, AIMessage) for call in one.tool_calls}
    question, described, told, kept = gist(material.question), dict[str, str](), dict[str, str](), list[str]()
    asked = set[str]()
    for result, text in zip(results, material.results, strict=True):
        call = calls.get(result.tool_call_id) or ToolCall(name=result.name or "", args={}, id=None)
        name = call["name"]
        if result.status != "error" and name.startswith("describe_") and rows.table(question, result.text).there:
            described[name] = result.text
        elif sql := call["args"].get("sql"):
            asked.add(name)
            table = sql.split(" FROM ")[-1].split(" AS ")[0].replace('"', "").replace("`", "")
            told[name] = "" if result.status == "error" else rows.told(question, table, result.text)
        elif isinstance(call["args"].get("start"), str) and "end" in call["args"] and result.status != "error":
            told[name] = rows.agenda(question, result.text)
        kept.append("" if name in described or told.get(name) else text)  # that a tool was asked stays
    found = [*filter(None, told.values())]
    answer = "\n\n".join(filter(None, [rows.unchanged(material.question) if found else "", *found]))
    return Tables(question, described, frozenset(asked), answer), replace(material, results=kept)

"""Approval by a person: approve, edit, reject or respond, for tool calls and for drafts in the state.

One proposal a visit: graphs come back until nothing waits, and after an answer that did not fit.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.tools import BaseTool
from pydantic import BaseModel, TypeAdapter, ValidationError

from threadloom.models.answers import complaint
from threadloom.nodes.calls import awaiting
from threadloom.nodes.markdown import fenced
from threadloom.nodes.node import Node
from threadloom.nodes.question import ask_person
from threadloom.nodes.tool import faults
from threadloom.state.agent import AgentState, Decision
from threadloom.state.answers import ProposalAnswer

EXAMPLE = {"action": "approve"}
WIDE = 60
"""Characters of a text from which it is shown by itself."""


def approve_call(tools: Sequence[BaseTool]) -> Node[AgentState]:
    """Node factory: asks about the first call of one of these tools; the decision goes to `decisions` under its id."""

    def approve(state: AgentState) -> dict[str, Any]:
        call = awaiting(state, tools)
        if call is None:
            return {"refused": ""}
        said = f"Call `{call['name']}` with:\n\n{_shown(call['args'])}"
        details = {"tool": call["name"], "args": call["args"], "call_id": call["id"]}
        prompt = f"May {call['name']} be called like this?"
        try:
            answer = ask_person(
                ProposalAnswer, "call", prompt, state.get("refused", ""), EXAMPLE, markdown=said, details=details
            )
            called = next(tool for tool in tools if tool.name == call["name"])
            if answer.action == "edit" and (problem := faults(called, {**call["args"], **answer.args})):
                raise ValueError(problem)
        except ValueError as error:
            return {"refused": str(error)}
        return {"refused": "", "decisions": {str(call["id"]): cast("Decision", answer.model_dump())}}

    return approve


def approve_draft(key: str, *, prompt: str, shape: type[BaseModel] | None = None) -> Node[Any]:
    """Node factory for anything else: `state[key]`, text or a JSON object, waits for a person.

    An edit of an object changes its parts by name, checked against `shape`; one of text is `{"text": "…"}`. The
    decision goes to `decisions` under `key`; a response is feedback: what to do with it is the graph's.
    """

    def approve(state: Any) -> dict[str, Any]:
        draft = state[key]
        shown = draft if isinstance(draft, str) else _shown(draft)
        try:
            answer = ask_person(
                ProposalAnswer, "draft", prompt, state.get("refused", ""), EXAMPLE, markdown=shown, details={key: draft}
            )
            edited = _edited(draft, answer.args, shape) if answer.action == "edit" else draft
        except ValueError as error:
            return {"refused": str(error)}
        return {"refused": "", key: edited, "decisions": {key: cast("Decision", answer.model_dump())}}

    return approve


def _shown(value: Any) -> str:
    """JSON, and below it the long texts of an object with their own line breaks: as JSON each is one line."""
    texts = {name: part for name, part in value.items() if _is_long(name, part)} if isinstance(value, Mapping) else {}
    rest = {name: part for name, part in value.items() if name not in texts} if texts else value
    parts = [fenced(json.dumps(rest, indent=2, ensure_ascii=False), "json")] if rest or not texts else []
    return "\n\n".join([*parts, *(f"`{name}`:\n\n{fenced(text)}" for name, text in texts.items())])


def _is_long(name: str, part: object) -> bool:
    # Another name could pass for a part of the page.
    return isinstance(part, str) and name.isidentifier() and (len(part) > WIDE or "\n" in part.strip())


def _edited(draft: Any, args: dict[str, Any], shape: type[BaseModel] | None) -> Any:
    whole = {**({"text": draft} if isinstance(draft, str) else draft), **args}
    if unknown := sorted(whole.keys() - ({"text"} if isinstance(draft, str) else draft.keys())):
        raise ValueError(f"args: there is no {', '.join(unknown)} to edit")
    if isinstance(draft, str):
        return TypeAdapter(str).validate_python(whole["text"])
    try:
        return whole if shape is None else shape.model_validate(whole).model_dump(mode="json")
    except ValidationError as error:
        raise ValueError(f"args: {complaint(error)}") from None

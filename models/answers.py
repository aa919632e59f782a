"""Reading a structured answer out of a message, strictly: half an answer is no answer.

Lenient only in where the JSON stands: in a tool call, in the content, within fences or prose, since not every server
does what it was asked.
"""

from typing import Any, TypeVar

from langchain_core.messages import AIMessage
from pydantic import BaseModel, ValidationError

T = TypeVar("T", bound=BaseModel)

TAKES = "takes: "
"""In a refused call's result, behind the name of the tool: its schema follows, which is for models only."""


def read_answer(schema: type[T], message: AIMessage) -> T:
    """The answer as `schema`. Raises ValueError (pydantic's ValidationError is one) saying what is wrong with it."""
    if reason := _stopped_early(message.response_metadata):
        raise ValueError(reason)
    if refusal := message.additional_kwargs.get("refusal"):
        raise ValueError(f"it is a refusal: {refusal}")
    if message.tool_calls:
        return schema.model_validate(message.tool_calls[0]["args"])
    text = answer_text(message)
    if "{" not in text:
        raise ValueError("it holds no JSON object" if text else "it is empty")
    # From the first brace to the last: what is around it (fences, a preamble) is not part of the answer.
    return schema.model_validate_json(text[text.index("{") : text.rfind("}") + 1])


def complaint(error: ValueError) -> str:
    """What is wrong with an answer or with arguments, in one line: `name: Field required; …`."""
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}".removeprefix(": ")
        for problem in error.errors(include_url=False)[:5]
    )


def answer_text(message: AIMessage) -> str:
    """What the model wrote, wherever it put it; possibly empty."""
    calls = [call["args"] or "" for call in message.invalid_tool_calls]
    return message.text or "".join(calls) or str(message.additional_kwargs.get("refusal") or "")


def _stopped_early(metadata: dict[str, Any]) -> str:
    # Chat Completions says it in `finish_reason`, the Responses API in `incomplete_details`.
    reason = metadata.get("finish_reason") or (metadata.get("incomplete_details") or {}).get("reason")
    if reason in {"length", "max_output_tokens"}:
        return "it was cut off at the token limit"
    return "the provider's content filter stopped it" if reason == "content_filter" else ""

"""`ChatExtractive`: a chat model that works without key or network, by selecting sentences and filling templates."""

import re
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from json import dumps
from typing import Any, Literal

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from threadloom.models.extractive import calls, tables
from threadloom.models.extractive.answer import NOTHING, answer, values
from threadloom.models.extractive.courtesy import courtesy
from threadloom.models.extractive.cues import OVERRIDE
from threadloom.models.extractive.fill import fill
from threadloom.models.extractive.material import Material, read
from threadloom.models.extractive.note import note

MOST_TOLD = 12
"""Tools that are named to who asked for something else."""
_TOKEN = re.compile(r"\w+|[^\w\s]")


class ChatExtractive(BaseChatModel):
    """Deterministic: the same messages give the same answer in every process. It knows nothing but what it is given.

    Asked for a structured output it fills the schema from the elements of the messages (`threadloom.models.prompts`);
    given tools it calls those the request plainly asks for; otherwise it answers with sentences of the material.
    Tokens in `usage_metadata` are words and punctuation marks of the text in and out: an estimate, nothing is billed.
    """

    model: Literal["extractive"] = "extractive"
    stop: list[str] | None = None

    @property
    def _llm_type(self) -> str:
        return "extractive"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools; `tool_choice` is a tool's name, "any", "required", "none", or "auto" (the same as None)."""
        structured = "ls_structured_output_format" in kwargs
        functions = [convert_to_openai_tool(tool)["function"] for tool in tools]
        return self.bind(tools=functions, tool_choice=tool_choice, structured=structured, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - the base class reports tokens itself
        **kwargs: Any,
    ) -> ChatResult:
        text, made = self._reply(messages, stop, **kwargs)
        message = AIMessage(
            content=text,
            tool_calls=made,
            usage_metadata=_usage(messages, text, made),
            response_metadata=self._metadata(messages, made),
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - the base class reports tokens itself
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        text, made = self._reply(messages, stop, **kwargs)
        for word in re.findall(r"\s*\S+\s*$|\s*\S+", text):
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))
        for index, call in enumerate(made):
            chunk = tool_call_chunk(
                name=call["name"], args=dumps(call["args"], ensure_ascii=False), id=call["id"], index=index
            )
            yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[chunk]))
        last = AIMessageChunk(
            content="",
            usage_metadata=_usage(messages, text, made),
            response_metadata=self._metadata(messages, made),
            chunk_position="last",
        )
        yield ChatGenerationChunk(message=last)

    def _metadata(self, messages: Sequence[BaseMessage], made: Sequence[ToolCall]) -> dict[str, Any]:
        """Beside what every model says, `selected`: whether there was material to take sentences from."""
        selected = not made and any(text.strip() for text in read(messages).texts())
        return {
            "model_name": self.model,
            "finish_reason": "tool_calls" if made else "stop",
            **({"selected": True} if selected else {}),
        }

    def _reply(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        tools: Sequence[dict[str, Any]] = (),
        tool_choice: str | dict[str, Any] | bool | None = None,
        structured: bool = False,
        **_: Any,
    ) -> tuple[str, list[ToolCall]]:
        """Text and tool calls of an answer; one of them is empty."""
        material = read(messages)
        if structured:
            schema = tools[0].get("parameters", {})
            return "", [_call(tools[0]["name"], fill(schema, material), messages)]
        if tool_choice in (None, "auto") and not material.texts() and (polite := courtesy(material.question)):
            return _cut(polite, stop or self.stop or []), []
        chosen = _chosen(material, tools, tool_choice, messages)
        answered = material.results or any(text.strip() for text in material.texts())  # a result may well be empty
        free = tool_choice in (None, "auto")
        if free and not answered and not OVERRIDE.search(material.question):
            chosen += _likely(calls.unheard(material.question, tools, heard=bool(chosen)), tools)
        if free and not chosen and not material.results:  # others who look things up leave the sums
            chosen = _called(material.question, calls.calculators(material.question, tools))
        known, material = tables.read(material, messages)
        said = "\n\n".join([known.answer, *values(material.results)]) if known.answer else answer(material)
        if not chosen and free:
            chosen = known.queries(tools, nothing=said.startswith(NOTHING))
        made = [_call(name, args, messages) for name, args in chosen]
        return ("", made) if made else (_cut(_able(said, tools), stop or self.stop or []), [])


def _chosen(
    material: Material,
    tools: Sequence[dict[str, Any]],
    choice: str | dict[str, Any] | bool | None,
    messages: list[BaseMessage],
) -> list[tuple[str, dict[str, Any]]]:
    """Names and arguments of the tools to call."""
    if not tools or choice == "none":
        return []
    request, forced = material.question, _forced(tools, choice)
    if forced:
        tool = calls.best(request, forced)
        return [(tool["name"], calls.arguments(request, tool, forced=True) or {})]
    asked = max((at for at, message in enumerate(messages) if isinstance(message, HumanMessage)), default=-1)
    done = [called for message in messages[asked + 1 :] for called in _answered(message, messages)]
    wanted = calls.wanted(request, tools, done)
    content = note(material) if wanted else ""
    return [(tool["name"], args) for tool in wanted for args in calls.every(request, tool, content=content)]


def _likely(questions: Sequence[str], tools: Sequence[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Calls of tools that may know, where no words say which to call."""
    found = [call for question in questions for call in _called(question, calls.likely(question, tools))]
    return [call for at, call in enumerate(found) if call not in found[:at]]


def _called(question: str, tools: Sequence[calls.Tool]) -> list[tuple[str, dict[str, Any]]]:
    """Names and arguments of the calls of tools."""
    return [(tool["name"], args) for tool in tools for args in calls.every(question, tool)]


def _able(said: str, tools: Sequence[dict[str, Any]]) -> str:
    """An answer; where there is none also what could be asked instead."""
    if not said.startswith(NOTHING) or not tools:
        return said
    names = ", ".join(tool["name"] for tool in tools[:MOST_TOLD])
    return f"{said} Without a language model I can only pass on what tools find: {names}."


def _answered(message: BaseMessage, messages: list[BaseMessage]) -> list[str]:
    """The tool whose result a message is, by its name or by the call it answers."""
    if not isinstance(message, ToolMessage):
        return []
    made = [
        call["name"]
        for one in messages
        if isinstance(one, AIMessage)
        for call in one.tool_calls
        if call["id"] == message.tool_call_id
    ]
    return [message.name] if message.name else made


def _forced(tools: Sequence[dict[str, Any]], choice: str | dict[str, Any] | bool | None) -> Sequence[dict[str, Any]]:
    """The tools one of which must be called; empty when the choice is free."""
    if choice in (None, False, "auto"):
        return []
    if choice in (True, "any", "required"):
        return tools
    name = choice.get("function", choice).get("name") if isinstance(choice, dict) else choice
    named = [tool for tool in tools if tool["name"] == name]
    if not named:
        raise ValueError(
            f"tool_choice names {name!r}, which is not among the tools: {', '.join(tool['name'] for tool in tools)}"
        )
    return named


def _call(name: str, args: dict[str, Any], messages: list[BaseMessage]) -> ToolCall:
    """A tool call whose id depends on the conversation alone."""
    seed = dumps([name, args, [message.text for message in messages]], ensure_ascii=True, sort_keys=True, default=str)
    return ToolCall(name=name, args=args, id=f"call_{sha256(seed.encode()).hexdigest()[:16]}", type="tool_call")


def _cut(text: str, stop: Sequence[str]) -> str:
    """Text up to the first stop sequence."""
    return text[: min((at for mark in stop if mark and (at := text.find(mark)) >= 0), default=len(text))]


def _usage(messages: Sequence[BaseMessage], text: str, made: Sequence[ToolCall]) -> UsageMetadata:
    given = sum(len(_TOKEN.findall(message.text)) for message in messages)
    said = len(_TOKEN.findall(text)) + sum(
        len(_TOKEN.findall(dumps(call["args"], ensure_ascii=False))) for call in made
    )
    return UsageMetadata(input_tokens=given, output_tokens=said, total_tokens=given + said)

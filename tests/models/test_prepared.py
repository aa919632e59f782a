"""What is prepared of a chat model: once for a schema or tools, anew when one of them has changed, and not for ever."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langchain_core.tools import BaseTool, StructuredTool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, PrivateAttr, SecretStr, create_model

from tests.servers.openai_server import OpenAIServer, Reply, structured
from threadloom.models.prepared import MOST, Prepared
from threadloom.models.reply import reply
from threadloom.models.roles import Models
from threadloom.models.settings import ModelEntry
from threadloom.models.structured import ask

QUESTION = [HumanMessage("How is the weather?")]


class Weather(BaseModel):
    """The weather."""

    sunny: bool


class Counting(ChatOpenAI):
    """Counts how often it is prepared."""

    _prepared: int = PrivateAttr(0)

    def with_structured_output(self, schema: Any = None, **options: Any) -> Any:
        """As in ChatOpenAI."""
        self._prepared += 1
        return super().with_structured_output(schema, **options)

    def bind_tools(self, tools: Any, **options: Any) -> Any:
        """As in ChatOpenAI."""
        self._prepared += 1
        return super().bind_tools(tools, **options)


def counting(server: OpenAIServer) -> Counting:
    return Counting(model="m", base_url=server.url, api_key=SecretStr("none"))


def look(at: int) -> str:
    """Look at something."""
    return str(at)


def tool() -> BaseTool:
    return StructuredTool.from_function(look)


def test_a_schema_is_prepared_once(server: OpenAIServer) -> None:
    server.scenario = lambda body: structured(body, Weather(sunny=True))
    chat = counting(server)
    models = Models.of(chat)
    for role in ("planner", "judge", "planner"):
        assert ask(models, role, Weather, QUESTION).value == Weather(sunny=True)
    assert chat._prepared == 1
    bodies = [request.body for request in server.requests]
    assert bodies == bodies[:1] * 3


def test_tools_are_prepared_once_whatever_list_they_are_in(server: OpenAIServer) -> None:
    server.scenario = lambda _: Reply("It is sunny.")
    chat, known = counting(server), tool()
    models = Models.of(chat)
    for tools in ([known], (known,), ()):
        assert reply(models, "agent", QUESTION, tools).value.text == "It is sunny."
    assert chat._prepared == 1
    assert ["tools" in request.body for request in server.requests] == [True, True, False]


def test_a_chat_model_that_was_changed_is_another_one(server: OpenAIServer) -> None:
    server.scenario = lambda body: structured(body, Weather(sunny=True))
    models = Models({"m": ModelEntry(model="m", base_url=server.url, api_key=SecretStr("none"))}, {"default": ("m",)})
    ((_, chat),) = models.players("planner")
    ask(models, "planner", Weather, QUESTION)
    chat.structured_output = "function_calling"  # type: ignore[attr-defined]  # of ChatCompatible
    ask(models, "planner", Weather, QUESTION)
    first, second = (request.body for request in server.requests)
    assert "response_format" in first
    assert "tools" not in first
    assert "tools" in second
    assert "response_format" not in second


def test_a_tool_that_was_changed_is_another_one(server: OpenAIServer) -> None:
    server.scenario = lambda _: Reply("It is sunny.")
    models, known = Models.of(counting(server)), tool()
    reply(models, "agent", QUESTION, [known])
    known.description = "Look out of the window."
    reply(models, "agent", QUESTION, [known])
    told = [request.body["tools"][0]["function"]["description"] for request in server.requests]
    assert told == ["Look at something.", "Look out of the window."]


def test_chat_models_that_are_equal_are_two(server: OpenAIServer) -> None:
    prepared, first, second = Prepared(), counting(server), counting(server)
    assert prepared.structured(first, Weather) is prepared.structured(first, Weather)
    assert prepared.structured(first, Weather) is not prepared.structured(second, Weather)


def test_schemas_made_at_run_time_do_not_stay_for_ever(server: OpenAIServer) -> None:
    prepared, chat = Prepared(), counting(server)
    refs = [_made(prepared, chat) for _ in range(2 * MOST)]
    gc.collect()
    assert sum(ref() is not None for ref in refs) <= MOST


def _made(prepared: Prepared, chat: BaseChatModel) -> "weakref.ref[type[BaseModel]]":
    schema = create_model("Made", sunny=(bool, ...))
    prepared.structured(chat, schema)
    return weakref.ref(schema)


def test_nothing_of_it_outlives_the_models(server: OpenAIServer) -> None:
    models = Models.of(counting(server))
    ((_, chat),) = models.players("planner")
    models.prepared.structured(chat, Weather)
    ref = weakref.ref(chat)
    del models, chat
    gc.collect()
    assert ref() is None


def test_many_threads_ask_at_once(server: OpenAIServer) -> None:
    schemas = [create_model(f"Made{number}", **{f"is{number}": (bool, ...)}) for number in range(8)]  # type: ignore[call-overload]  # names that are made

    def answer(body: dict[str, Any]) -> Reply:
        name = body["response_format"]["json_schema"]["name"]
        return structured(body, {f"is{name.removeprefix('Made')}": True})

    server.scenario = answer
    models, together = Models.of(counting(server)), Barrier(16)

    def asked(number: int) -> bool:
        together.wait()
        return bool(getattr(ask(models, "planner", schemas[number % 8], QUESTION).value, f"is{number % 8}"))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(asked, range(16)))

"""What tests of agents share: a scripted model behind HTTP, tools, and one way to run a graph, sync and async."""

from collections.abc import Callable
from typing import Any

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, StructuredTool, tool

from tests.servers.openai_server import OpenAIServer, Reply
from threadloom.models.roles import Models
from threadloom.models.settings import ModelEntry
from threadloom.tools.acting import acting

THREAD: Any = {"configurable": {"thread_id": "t"}}
ASKED: Any = {"messages": [{"role": "user", "content": "What is it like in Lima and in Oslo?"}]}


def entry(server: OpenAIServer, model: str = "m", **options: Any) -> ModelEntry:
    priced = {"input_price": 1, "output_price": 10, "max_retries": 0, "api_key": "none"}
    return ModelEntry.model_validate({"model": model, "base_url": server.url, **priced, **options})


def models(server: OpenAIServer, **options: Any) -> Models:
    return Models({"m": entry(server, **options)}, {"default": ("m",)})


@tool
def weather(city: str) -> str:
    """Weather of a city."""
    return f"{city}: sunny"


def sending(log: list[str]) -> BaseTool:
    def send(to: str, text: str = "") -> str:
        """Send a message."""
        log.append(f"{to}: {text}")
        return f"sent to {to}"

    return acting(StructuredTool.from_function(send))


def looks(*cities: str) -> Reply:
    return Reply(calls=tuple(("weather", {"city": city}) for city in cities))


Run = Callable[..., Any]


def results(state: Any) -> list[str]:
    return [message.text for message in state["messages"] if isinstance(message, ToolMessage)]


def sent(server: OpenAIServer, number: int = -1) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = server.requests[number].body["messages"]
    return messages


MAIL = Reply(calls=(("send", {"to": "ann", "text": "hello"}), ("weather", {"city": "Lima"})))


def pause(state: Any) -> dict[str, Any]:
    [waiting] = state["__interrupt__"]
    question: dict[str, Any] = waiting.value
    return question

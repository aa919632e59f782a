"""Fixtures of the tests of graphs."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.graphs.agents import ASKED, THREAD, Run, models, weather
from tests.graphs.fan_out import QUESTION, Ask
from tests.servers.openai_server import OpenAIServer
from threadloom.checkpoints import SQLSaver
from threadloom.graphs import parallel, react
from threadloom.models.roles import Models
from threadloom.nodes.branch import Branch


@pytest.fixture
def saver() -> Iterator[SQLSaver]:
    with SQLSaver("sqlite://") as saver:
        yield saver


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest, server: OpenAIServer, saver: SQLSaver) -> Run:
    """Runs an agent on thread `t`, through `invoke` or `ainvoke`."""

    def call(given: Any = ASKED, *, tools: Any = (weather,), **options: Any) -> Any:
        options.setdefault("models", models(server))
        agent = react.build(tools=list(tools), **options).compile(checkpointer=saver)
        if request.param == "async":
            return asyncio.run(agent.ainvoke(given, THREAD))
        return agent.invoke(given, THREAD)

    return call


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, saver: SQLSaver) -> Ask:
    """Builds a fan-out with the offline models and runs it on thread `t`, through `invoke` or `ainvoke`."""

    def call(*branches: Branch, given: Any = QUESTION, **options: Any) -> Any:
        if not {"models", "compose"} & options.keys():
            options["models"] = Models()
        flow = parallel.build(branches=branches, **options).compile(checkpointer=saver)
        if request.param == "async":
            return asyncio.run(flow.ainvoke(given, THREAD))
        return flow.invoke(given, THREAD)

    return call

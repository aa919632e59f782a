"""LangGraph's released conformance suite, through both sides, on a file and in memory."""

from collections.abc import AsyncGenerator, Callable

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance import checkpointer_test, validate

from tests.checkpoints.sides import SyncSide
from threadloom.checkpoints import SQLSaver

ALL = {"put", "put_writes", "get_tuple", "list", "delete_thread", "delete_for_runs", "copy_thread", "prune"}


@pytest.mark.parametrize("side", [SyncSide, lambda saver: saver], ids=["sync", "async"])
async def test_conforms(saver: SQLSaver, side: Callable[[SQLSaver], BaseCheckpointSaver[str]]) -> None:
    @checkpointer_test(name="SQLSaver")
    async def checkpointer() -> AsyncGenerator[BaseCheckpointSaver[str], None]:
        yield side(saver)

    report = await validate(checkpointer)
    # `passed_all` ignores what it did not detect, so the set itself is part of the claim.
    assert {name for name, result in report.results.items() if result.detected} == ALL
    assert [failure for result in report.results.values() for failure in result.failures] == []
    assert sum(result.tests_passed for result in report.results.values()) == 81

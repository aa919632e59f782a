"""A Runner driven through its synchronous or its asynchronous methods, so that a test is written once."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from threadloom.runs.run import Outcome, Run
from threadloom.runs.runner import Runner


class Side:
    """One side of a Runner.

    Args:
        runner: of whom.
        loop: where its runs go on; None for the synchronous side.
    """

    def __init__(self, runner: Runner, loop: asyncio.Runner | None) -> None:
        self.runner, self.loop = runner, loop

    def start(self, *given: Any, **how: Any) -> Run:
        """A run under way; on the asynchronous side it only goes on while something is waited for."""
        run: Run = self._do(self.runner.start, self.runner.astart, *given, **how)
        return run

    def resume(self, run: Run, *answer: Any, **how: Any) -> Run:
        resumed: Run = self._do(self.runner.resume, self.runner.aresume, run.id, *answer, **how)
        return resumed

    def fork(self, *where: Any, **how: Any) -> Run:
        forked: Run = self._do(self.runner.fork, self.runner.afork, *where, **how)
        return forked

    def wait(self, run: Run) -> Outcome:
        if self.loop is None:
            return run.wait(timeout=60)
        return self.loop.run(asyncio.wait_for(_awaited(run), 60))

    def ran(self, *given: Any, **how: Any) -> tuple[Run, Outcome]:
        """A run that was started, and where it came to."""
        run = self.start(*given, **how)
        return run, self.wait(run)

    def events(self, run: Run) -> list[Any]:
        if self.loop is None:
            return list(run.stream())
        return self.loop.run(_listed(run))

    def _do(
        self, call: Callable[..., Any], asynchronous: Callable[..., Coroutine[Any, Any, Any]], *given: Any, **how: Any
    ) -> Any:
        return call(*given, **how) if self.loop is None else self.loop.run(asynchronous(*given, **how))


async def _awaited(run: Run) -> Outcome:
    return await run


async def _listed(run: Run) -> list[Any]:
    return [event async for event in run.astream()]

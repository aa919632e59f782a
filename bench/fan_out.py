"""A fan-out of branches that sleep: the whole run, beside the slowest branch and what the fan-out may add."""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from threading import Event
from typing import Any

from bench.measure import Figure, interleaved, timed
from bench.peers import Peer
from bench.scale import Scale
from threadloom.graphs.parallel import build
from threadloom.models.roles import Models
from threadloom.nodes.branch import Branch

SLOWEST = 0.5
"""Seconds."""
MAY_ADD = {3: 50, 50: 100}
"""Milliseconds by number of branches."""
FAN_OUT = "fan-out of {}"
SYNC, ASYNC, SLEEP, ALLOWED = "threadloom", "threadloom async", "the slowest branch", "slowest and allowance"


def measure(peers: Sequence[Peer], scale: Scale) -> Iterator[Figure]:  # noqa: ARG001  # no saver takes part
    """Runs of both kinds in turn, on graphs that have run once."""
    for branches, may_add in MAY_ADD.items():
        flow = fan_out(branches)
        flow.invoke(QUESTION)
        runs = {
            SYNC: timed(partial(flow.invoke, QUESTION)),
            ASYNC: timed(partial(_run_async, flow)),
            SLEEP: timed(partial(Event().wait, SLOWEST)),
        }
        samples = interleaved(runs, scale.runs)
        yield Figure(FAN_OUT.format(branches), "ms", {**samples, ALLOWED: [SLOWEST * 1000 + may_add]})


QUESTION: Any = {"question": "How late is it?"}


def fan_out(branches: int) -> Any:
    """A compiled graph of so many branches that all sleep as long."""
    work = [Branch(f"b{number}", _sleep) for number in range(branches)]
    return build(branches=work, models=Models()).compile()


def _sleep(question: str, stop: Event) -> str:
    stop.wait(SLOWEST)
    return question


def _run_async(flow: Any) -> None:
    asyncio.run(flow.ainvoke(QUESTION))

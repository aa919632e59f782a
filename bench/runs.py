"""What a Runner costs beside the bare saver: a run, a super-step; and from a kill to the takeover by another."""

import asyncio
import itertools
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from bench.measure import Figure, Samples, interleaved
from bench.peers import OpenPeer, Peer, fresh, threadloom
from bench.scale import Scale
from threadloom.runs.runner import Runner

STEPS, MANY = 20, 100
LEASE = 3.0  # seconds
RUN, STEP = f"run of {STEPS} steps, {{}}", f"a super-step ({STEPS} to {MANY}), {{}}"
TAKEOVER = f"kill to takeover, lease {LEASE:.0f} s"
BARE, MANAGED = "bare saver", "Runner"


class State(TypedDict):
    number: int


def measure(peers: Sequence[Peer], scale: Scale) -> Iterator[Figure]:
    """Both in turn on each of our databases, in one event loop and with the same durability."""
    ours = [peer for peer in peers if peer.opened is threadloom and not peer.asynchronous]
    for peer in ours:
        with fresh(peer) as opened:
            short, long = ({BARE: _bare(opened, n), MANAGED: _managed(opened, n)} for n in (STEPS, MANY))
            whole = _measured(short, 6 * scale.runs)
            yield Figure(RUN.format(peer.name), "ms", whole)
            yield Figure(STEP.format(peer.name), "ms", _slope(whole, _measured(long, 2 * scale.runs)))
    samples = {}
    for peer in ours:
        with fresh(peer) as opened:
            samples[peer.name] = [_taken_over(opened) for _ in range(min(scale.runs, 3))]
    yield Figure(TAKEOVER, "ms", samples)


def _measured(contenders: Mapping[str, Callable[[], float]], rounds: int) -> Samples:
    interleaved(contenders, 2)
    return interleaved(contenders, rounds)


def _slope(short: Samples, long: Samples) -> Samples:
    """What a step more takes: by how much longer runs of many steps take longer than the median short one."""
    return {
        name: [(sample - statistics.median(short[name])) / (MANY - STEPS) for sample in samples]
        for name, samples in long.items()
    }


def chain(steps: int) -> Any:
    """A graph of steps that do next to nothing."""

    async def step(state: State) -> State:
        return {"number": state["number"] + 1}

    built = StateGraph(State)
    for number in range(steps):
        built.add_node(str(number), step)
        built.add_edge(str(number - 1) if number else START, str(number))
    return built


def _bare(peer: OpenPeer, steps: int) -> Callable[[], float]:
    graph, number = chain(steps).compile(checkpointer=peer.saver), itertools.count()

    async def run() -> None:
        config = {"configurable": {"thread_id": f"bare-{steps}-{next(number)}"}}
        await graph.ainvoke({"number": 0}, config, durability="sync")

    return _timed(peer, run)


def _managed(peer: OpenPeer, steps: int) -> Callable[[], float]:
    runner: Any = Runner(peer.saver, {"chain": chain(steps)})  # type: ignore[arg-type]  # a SQLSaver

    async def run() -> None:
        await (await runner.astart("chain", {"number": 0}))

    return _timed(peer, run)


def _timed(peer: OpenPeer, run: Callable[[], Any]) -> Callable[[], float]:
    def contender() -> float:
        began = time.perf_counter()
        peer.run(run())
        return (time.perf_counter() - began) * 1000

    return contender


def _taken_over(peer: OpenPeer) -> float:
    """Milliseconds from the kill of a process until its run goes on in this one."""
    program = [sys.executable, "-m", __name__, peer.address]
    with (
        subprocess.Popen(program, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent) as process,
        Runner(peer.saver, {"held": _held(Event)}) as runner,  # type: ignore[arg-type]  # a SQLSaver
    ):
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        began = time.perf_counter()
        while not (runs := runner.recover()):
            time.sleep(0.02)
        took = (time.perf_counter() - began) * 1000
        runs[0].wait()
    return took


def _held(make: Callable[[], Any]) -> Any:
    """A graph that waits for what it is given."""

    def hold(state: State) -> Any:  # noqa: ARG001  # LangGraph looks at the name
        make()
        return {}

    built = StateGraph(State)
    built.add_node("hold", hold)
    built.add_edge(START, "hold")
    return built


def main(address: str) -> None:
    """Start a run, say so, and wait to be killed."""

    def hold() -> None:
        sys.stdout.write("held\n")
        sys.stdout.flush()
        Event().wait()

    url = address if "://" in address else f"sqlite:///{address}"
    asyncio.run(_forever(Runner(url, {"held": _held(hold)}, lease=LEASE)))


async def _forever(runner: Runner) -> None:
    await (await runner.astart("held", {"number": 0}))


if __name__ == "__main__":
    main(*sys.argv[1:])

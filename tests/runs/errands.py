"""Graphs whose processes are killed, and the witness outside of the database of what they did to the world."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from threadloom import compensation, effect


class Witness:
    """A file that says what happened, whoever was killed afterwards."""

    def __init__(self, folder: Path) -> None:
        self._path, self._folder = folder / "witness", folder

    def tell(self, what: str) -> None:
        """Note that something happened; it is on the disk when this returns."""
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{what}\n".encode())
        os.fsync(file)
        os.close(file)

    def told(self) -> list[str]:
        """All that happened."""
        return self._path.read_text().splitlines() if self._path.exists() else []

    def hold(self, where: str) -> None:
        """Say that this place is reached, and wait there until somebody lets go."""
        (self._folder / f"reached {where}").touch()
        while not (self._folder / f"go {where}").exists():
            time.sleep(0.01)

    def reached(self, where: str) -> None:
        """Wait until somebody is there."""
        while not self.is_reached(where):
            time.sleep(0.01)

    def is_reached(self, where: str) -> bool:
        """Whether somebody is there."""
        return (self._folder / f"reached {where}").exists()

    def let_go(self, where: str) -> None:
        """Let whoever is held there go on."""
        (self._folder / f"go {where}").touch()


class State(TypedDict, total=False):
    name: str
    receipt: str
    answer: str
    note: str
    end: str


Graph = Callable[[Witness], Any]


def trip(witness: Witness) -> Any:
    """Pays, then asks a person beside noting it, then ends."""

    def act(what: str, channel: str) -> Any:
        def node(state: State) -> dict[str, str]:
            def fn(key: str) -> str:
                witness.tell(f"{what} {state['name']} {key}")
                return f"{what} done"

            return {channel: effect(what, fn)}

        return node

    def ask(state: State) -> State:
        return {"answer": interrupt(f"{state['receipt']}, go on?")}

    def end(state: State) -> State:
        return {"end": f"{state['answer']} {state['note']}"}

    built = StateGraph(State)
    built.add_node("pay", act("pay", "receipt"))
    built.add_node("ask", ask)
    built.add_node("note", act("note", "note"))
    built.add_node("end", end)
    built.add_edge(START, "pay")
    built.add_edge("pay", "ask")
    built.add_edge("pay", "note")
    built.add_edge(["ask", "note"], "end")
    return built


def held(witness: Witness) -> Any:
    """Is held in its second node, and acts and stores afterwards."""

    def pay() -> str:
        witness.tell("pay")
        return "paid"

    def hold(state: State) -> State:
        witness.hold("node")
        return {"receipt": effect("pay", pay)}

    built = StateGraph(State)
    built.add_node("first", lambda state: {"name": "x"})
    built.add_node("hold", hold)
    built.add_node("end", lambda state: {"end": "end"})
    built.add_edge(START, "first")
    built.add_edge("first", "hold")
    built.add_edge("hold", "end")
    return built


def poison(witness: Witness) -> Any:
    """Kills its process."""

    def kill(state: State) -> State:
        witness.tell("killed")
        os.kill(os.getpid(), signal.SIGKILL)
        return {}

    built = StateGraph(State)
    built.add_node("first", lambda state: {"name": "x"})
    built.add_node("kill", kill)
    built.add_edge(START, "first")
    built.add_edge("first", "kill")
    return built


def booked(witness: Witness) -> Any:
    """Does four things that can be undone, more or less, and then asks."""
    built = StateGraph(State)
    undoing = {"a": undo, "b": undo_held, "c": undo_failing, "d": undo}
    before = START
    for name, compensate in undoing.items():
        built.add_node(name, _booking(name, compensate))
        built.add_edge(before, name)
        before = name
    built.add_node("ask", lambda state: {"answer": interrupt("Keep all?")})
    built.add_edge(before, "ask")
    return built


def _booking(name: str, compensate: Callable[[Any], Any]) -> Any:
    def book(state: State) -> State:
        effect(name, lambda: [state["name"], name], compensate=compensate)
        return {}

    return book


@compensation
def undo(result: list[str]) -> None:
    """Undo a booking; a result is a folder and the name."""
    Witness(Path(result[0])).tell(f"undone {result[1]}")


@compensation
async def undo_held(result: list[str]) -> None:
    """Undo it, and be held before that is known."""
    undo(result)
    Witness(Path(result[0])).hold("undoing")


@compensation
def undo_failing(result: list[str]) -> None:
    """Find that it cannot be undone."""
    raise ValueError(f"{result[1]} is not refunded")


GRAPHS: dict[str, Graph] = {"trip": trip, "held": held, "poison": poison, "booked": booked}

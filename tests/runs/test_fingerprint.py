"""A fingerprint is of what stored runs depend on, and of nothing else."""

import functools
import json
import operator
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from tests.runs.errand import Names, errand, schema
from threadloom.catalogue import load
from threadloom.runs.changes import differences
from threadloom.runs.errors import MigrationError
from threadloom.runs.fingerprint import Fingerprint, fingerprint, type_name
from threadloom.runs.lineage import Migrations
from threadloom.runs.migrations import AddedKey, RenamedNode

ROOT = Path(__file__).parents[2]
PROGRAM = """
from tests.runs.errand import Names, errand
from threadloom.runs.fingerprint import fingerprint
print(fingerprint(errand(Names())).digest)
"""


def test_it_is_the_same_in_every_process() -> None:
    env = os.environ | {"PYTHONHASHSEED": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == fingerprint(errand(Names())).digest


def test_it_does_not_depend_on_code_order_or_being_compiled() -> None:
    def built(*names: str, reducer: Any = operator.add) -> Any:
        graph: Any = StateGraph(schema({"n": Annotated[int, reducer], "x": str}))
        for name in names:
            graph.add_node(name, lambda _: {"n": 1})
            graph.add_edge(START, name)
        return graph

    once, again = built("a", "b"), built("b", "a")
    assert fingerprint(once) == fingerprint(again)
    assert not once.compiled  # it can be built on
    assert fingerprint(once) == fingerprint(once.compile())
    some, other = built("a", reducer=lambda old, new: new), built("a", reducer=lambda old, new: old)
    assert fingerprint(some) == fingerprint(other) != fingerprint(built("a"))
    partial = functools.partial(lambda _, old, new: new, 1)
    assert fingerprint(built("a", reducer=partial)).data["state"]["n"]["reducer"] == "partial(lambda)"
    compiled = again.compile()
    assert fingerprint(compiled) is fingerprint(compiled)
    again.add_node("c", lambda _: {})
    assert fingerprint(again) != fingerprint(once)


def test_it_comes_back_from_its_text() -> None:
    found = fingerprint(errand(Names()))
    assert Fingerprint.parse(found.text) == found
    assert json.loads(found.text) == found.data
    for text in ("[]", "{}", "no"):
        with pytest.raises(ValueError, match=r"fingerprint|Expecting"):
            Fingerprint.parse(text)


@pytest.mark.parametrize("name", ["react", "research"])
def test_ready_graphs_have_one(name: str) -> None:
    assert fingerprint(load(name)) == fingerprint(load(name).compile())


class Paper(TypedDict):
    title: str


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (Optional[int], "int | None"),  # noqa: UP045  # both spellings are one type
        (None | int, "int | None"),
        (Annotated[list[Paper], "any"], "list[Paper]"),
        (dict[str, "Paper"], "dict[str, Paper]"),
        (Literal["a", 1], "Literal['a', 1]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Any, "Any"),
    ],
)
def test_types_have_names(annotation: Any, name: str) -> None:
    assert type_name(annotation) == name


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        ({}, []),
        (
            {"inner_ask": "inner"},
            [
                "sub: node inner added",
                "sub: node inner_ask removed",
                "sub: edge before → inner added",
                "sub: edge before → inner_ask removed",
            ],
        ),
        ({"kind": str}, ["key count changed from int to str", "sub: key count changed from int to str"]),
        ({"joined": False}, ["join ask + beside + sub → end removed"]),
        (
            {"late": True},
            [
                "node never added",
                "join never + beside → ask added",
                "branch end ⇢ __end__ added",
                "branch end ⇢ never added",
            ],
        ),
        (
            {"send": "post"},
            ["node post added", "node send removed", "branch first ⇢ post added", "branch first ⇢ send removed"],
        ),
    ],
)
def test_differences_are_told_in_lines(changed: dict[str, Any], lines: list[str]) -> None:
    before, after = fingerprint(errand(Names())), fingerprint(errand(Names(**changed)))
    assert [difference.line for difference in differences(before, after)] == lines
    assert (before.digest == after.digest) is (not lines)


def test_migrations_lead_from_version_to_version() -> None:
    first, second = RenamedNode("a", "b"), AddedKey("n", 0)
    chain = Migrations("mine").step("1", "2", [first]).step("2", "3").step("3", "4", [second])
    assert chain.between("1", "4") == [first, second]
    assert chain.between("2", "2") == []
    for ends in (("2", "1"), ("9", "1")):
        with pytest.raises(MigrationError, match=f"graph mine: no migrations lead from version {ends[0]} to {ends[1]}"):
            chain.between(*ends)
    with pytest.raises(MigrationError, match="two steps from version 3"):
        chain.step("3", "1")
    with pytest.raises(MigrationError, match="no migrations lead"):
        chain.step("4", "1").between("1", "5")

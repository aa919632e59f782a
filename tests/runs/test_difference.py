"""Differences are complete, none between equals, and small where little is different."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage

from tests.checkpoints.chain import config
from tests.runs.chats import compiled
from threadloom.checkpoints import SQLSaver
from threadloom.runs import difference
from threadloom.runs.comparison import compare
from threadloom.runs.difference import differences
from threadloom.runs.plain import plain, shortened

KEYS = st.sampled_from(["id", "content", "a"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.floats() | st.sampled_from(["", "x", "y"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


def rebuilt(value: Any, changes: list[difference.Change]) -> Any:
    """What changes make of a value; removals last, from the end, since their positions are those of before."""
    if changes and changes[0].path == ():
        return changes[0].after
    if isinstance(value, dict):
        kept: dict[str, Any] = {}
        for key in value | {str(change.path[0]): None for change in changes}:
            mine = [change._replace(path=change.path[1:]) for change in changes if change.path[0] == key]
            if mine and mine[0].path == () and mine[0].kind != "changed":
                if mine[0].kind == "added":
                    kept[key] = mine[0].after
            else:
                kept[key] = rebuilt(value[key], mine)
        return kept
    if isinstance(value, list):
        gone = {change.path[0] for change in changes if len(change.path) == 1 and change.kind == "removed"}
        left = [item for at, item in enumerate(value) if at not in gone]
        added = {change.path[0]: change for change in changes if len(change.path) == 1 and change.kind == "added"}
        made: list[Any] = []
        while left or len(made) in added:
            at = len(made)
            mine = [c for c in changes if c.path[0] == at and (len(c.path) > 1 or c.kind == "changed")]
            mine = [c._replace(path=c.path[1:]) for c in mine]
            made.append(added[at].after if at in added else rebuilt(left.pop(0), mine))
        return made
    return value


@given(VALUES, VALUES)
def test_changes_lead_from_the_one_to_the_other(before: Any, after: Any) -> None:
    assert list(differences(before, before)) == []
    changes = list(differences(before, after))
    assert list(differences(rebuilt(before, changes), after)) == []
    back = list(differences(after, before))
    assert (not changes) == (not back)


def test_a_message_that_was_edited_or_inserted_is_one_change() -> None:
    said = [HumanMessage(f"m{n}", id=f"{n}") for n in range(200)]
    edited = [*said[:50], AIMessage("new", id="x"), *said[50:]]
    edited[120] = HumanMessage("other", id=edited[120].id)
    changes = list(differences(plain({"messages": said}), plain({"messages": edited})))
    assert [(change.kind, change.path) for change in changes] == [
        ("added", ("messages", 50)),
        ("changed", ("messages", 120, "content")),
    ]


def test_lists_too_long_to_align_are_compared_by_position_and_values_are_cut_short() -> None:
    long = [str(n) for n in range(1500)]
    assert len(list(differences(long, [*long[1:], "z"][::-1]))) >= 1499
    assert len(str(shortened(long))) < 450
    assert shortened({"a": 1}) == {"a": 1}


def test_two_checkpoints_and_two_threads() -> None:
    with SQLSaver("sqlite://") as saver:
        chat = compiled(saver)
        for thread, topic in (("a", "tea"), ("b", "milk")):
            chat.invoke({"messages": [("user", "hi")], "topic": topic}, config(thread))
        assert compare(saver, ("a", None), ("a", None)).is_empty
        first = [*saver.timeline("a")][-1].checkpoint_id
        grown = compare(saver, ("a", first), ("a", None))
        assert {change.path[0] for change in grown.state} == {"messages", "notes", "topic"}
        assert [change.after for change in grown.path] == ["draft", "check", "look", "look", "deeper"]
        assert grown.common == first
        apart = compare(saver, ("a", None), ("b", None))
        assert apart.common is None
        assert ("topic",) in {change.path for change in apart.state}
        assert apart.path == ()

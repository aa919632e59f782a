"""The board: whatever writers do at once, nothing is lost, what disagrees is a conflict until it is settled."""

from hypothesis import given
from hypothesis import strategies as st

from threadloom.state.blackboard import Board, Conflict, Note, add_notes, conflicts, note, standing_notes


def written(board: Board, *updates: Board) -> Board:
    for update in updates:
        board = add_notes(board, update)
    return board


def test_two_who_write_one_key_at_once_are_a_conflict_and_nothing_is_lost() -> None:
    board = written({}, note({}, "dose", "ann", "5 mg"), note({}, "dose", "bob", "10 mg"), note({}, "age", "bob", "40"))
    conflict = Conflict(key="dose", versions=[1, 2], authors=["ann", "bob"], texts=["5 mg", "10 mg"])
    assert conflicts(board) == [conflict]


def test_who_has_seen_both_settles_it() -> None:
    board = written({}, note({}, "dose", "ann", "5 mg"), note({}, "dose", "bob", "10 mg"))
    settled = add_notes(board, note(board, "dose", "eve", "5 mg in children"))
    assert conflicts(settled) == []
    assert [one["author"] for one in settled["dose"]] == ["ann", "bob", "eve"]
    assert list(standing_notes(settled, "dose")) == [3]


def test_who_has_seen_only_one_does_not() -> None:
    first = note({}, "dose", "ann", "5 mg")
    board = written(first, note(first, "dose", "ann", "6 mg"), note({}, "dose", "bob", "10 mg"))
    assert [one["versions"] for one in conflicts(board)] == [[2, 3]]


def test_those_who_agree_are_no_conflict() -> None:
    assert conflicts(written({}, note({}, "dose", "ann", "5 mg"), note({}, "dose", "bob", "5 mg"))) == []


NOTES = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.builds(Note, author=st.sampled_from("xyz"), text=st.text(max_size=2), seen=st.integers(0, 3)),
    )
)


@given(NOTES)
def test_every_note_is_kept_once_whatever_is_repeated(given_: list[tuple[str, Note]]) -> None:
    updates: list[Board] = [{key: [one]} for key, one in given_]
    board = written({}, *updates)
    assert written(board, *updates) == board
    assert all(one in board[key] for key, one in given_)
    assert sum(map(len, board.values())) == len({(key, *one.values()) for key, one in given_})

"""A board that agents share: every note with its author and its version; what disagrees is a conflict, never lost.

A note says how much of its key its author had seen. Two that were written without knowing each other both stand, until
somebody who has seen both writes the next version.
"""

from collections.abc import Mapping
from itertools import count

from typing_extensions import TypedDict


class Note(TypedDict):
    """One version of what stands under a key."""

    author: str
    text: str
    seen: int
    """How many versions its author knew: it replaces these and no others."""


Board = dict[str, list[Note]]
"""Key to all versions in the order in which they came; the first is version 1."""


class Conflict(TypedDict):
    """Notes under one key that say different things, none of whose authors knew the others."""

    key: str
    versions: list[int]
    authors: list[str]
    texts: list[str]


def add_notes(left: Mapping[str, list[Note]] | None, right: Mapping[str, list[Note]] | None) -> Board:
    """Reducer: appends, so that parallel writers of one key keep all they wrote; the same note twice is one."""
    board: Board = {key: list(notes) for key, notes in (left or {}).items()}
    for key, notes in (right or {}).items():
        known = board.setdefault(key, [])
        known += [note for note in notes if note not in known]
    return board


def note(board: Mapping[str, list[Note]], key: str, author: str, text: str) -> Board:
    """The update that puts a note of `author`, who knows what `board` holds, under `key`."""
    return {key: [Note(author=author, text=text, seen=len(board.get(key, [])))]}


def standing_notes(board: Mapping[str, list[Note]], key: str) -> dict[int, Note]:
    """Version to note, of those that no later author has seen and replaced: several if they were written at once."""
    notes = board.get(key, [])
    return {
        version: one
        for version, one in zip(count(1), notes, strict=False)
        if not any(later["seen"] >= version for later in notes[version:])
    }


def conflicts(board: Mapping[str, list[Note]]) -> list[Conflict]:
    """Every key whose standing notes differ."""
    found = []
    for key in board:
        notes = standing_notes(board, key)
        if len({one["text"] for one in notes.values()}) > 1:
            authors, texts = [one["author"] for one in notes.values()], [one["text"] for one in notes.values()]
            found.append(Conflict(key=key, versions=list(notes), authors=authors, texts=texts))
    return found

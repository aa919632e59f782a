"""What is different between two plain values: structural, and the same whenever it is asked."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Literal, NamedTuple

from threadloom.runs.plain import canonical

Path = tuple[str | int, ...]

ALIGNED = 1_000_000  # pairs of items that are compared to align two lists; beyond, items are paired by position


class Change(NamedTuple):
    """One difference.

    Args:
        path: keys and positions that lead to it; positions of what was removed are those of before.
        kind: what became of it.
        before, after: plain values; None where there is none.
    """

    path: Path
    kind: Literal["added", "removed", "changed"]
    before: Any = None
    after: Any = None


def differences(before: Any, after: Any, path: Path = ()) -> Iterator[Change]:
    """What leads from one plain value to another, in the order of keys and positions.

    Items of lists are recognised by their `id`, as messages have one, else by what they are, so that one that was
    inserted does not make all that follow it different (Ratcliff and Obershelp's matching, of difflib).
    """
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_dicts(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(before, after, path)
    elif not _same(before, after):
        yield Change(path, "changed", before, after)


def _same(before: Any, after: Any) -> bool:
    return type(before) is type(after) and (before == after or (before != before and after != after))  # noqa: PLR0124  # NaN


def _of_dicts(before: dict[str, Any], after: dict[str, Any], path: Path) -> Iterator[Change]:
    for key in before | after:
        if key not in after:
            yield Change((*path, key), "removed", before=before[key])
        elif key not in before:
            yield Change((*path, key), "added", after=after[key])
        else:
            yield from differences(before[key], after[key], (*path, key))


def _of_lists(before: list[Any], after: list[Any], path: Path) -> Iterator[Change]:
    for i, j in _pairs(_keys(before), _keys(after)):
        if j is None and i is not None:
            yield Change((*path, i), "removed", before=before[i])
        elif i is None and j is not None:
            yield Change((*path, j), "added", after=after[j])
        elif i is not None and j is not None:
            if _is_another(before[i], after[j]):
                yield Change((*path, j), "changed", before[i], after[j])
            else:
                yield from differences(before[i], after[j], (*path, j))


def _is_another(before: Any, after: Any) -> bool:
    """Whether one message stands in the place of another, so that their fields have nothing to do with each other."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return False
    return all(before.get(key) != after.get(key) for key in ("id", "content"))


def _keys(items: list[Any]) -> list[str]:
    """By what items are recognised; by ids only where each has one of its own."""
    ids = [item.get("id") if isinstance(item, dict) else None for item in items]
    if all(isinstance(each, str) and each for each in ids) and len(set(ids)) == len(ids):
        return [f"id {each}" for each in ids]
    return [canonical(item) for item in items]


def _pairs(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[int | None, int | None]]:
    """Which item became which; None where one has no counterpart."""
    start, shorter = 0, min(len(before), len(after))
    while start < shorter and before[start] == after[start]:
        start += 1
    end = 0
    while end < shorter - start and before[-1 - end] == after[-1 - end]:
        end += 1
    yield from ((at, at) for at in range(start))
    middle = before[start : len(before) - end], after[start : len(after) - end]
    for i1, i2, j1, j2 in _blocks(*middle):
        both = min(i2 - i1, j2 - j1)
        yield from ((start + i1 + at, start + j1 + at) for at in range(both))
        yield from ((start + at, None) for at in range(i1 + both, i2))
        yield from ((None, start + at) for at in range(j1 + both, j2))
    yield from ((len(before) - at, len(after) - at) for at in range(end, 0, -1))


def _blocks(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    if len(before) * len(after) > ALIGNED:
        yield 0, len(before), 0, len(after)
        return
    for _, *block in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        yield block[0], block[1], block[2], block[3]

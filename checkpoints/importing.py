"""Copies threads out of the databases of LangGraph's own savers, each whole or not at all.

A thread is copied to another name first, `importing-…`, and in one transaction to its own when all of it is there. So
one that is in the target is complete, and a later import leaves it as it is. What a killed import left is deleted by
the one that brings the thread in, and not earlier: it could belong to one that is still at work.
"""

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal, NamedTuple
from uuid import uuid4

from threadloom.checkpoints.errors import InvalidRequestError, ThreadExistsError
from threadloom.checkpoints.sources.source import Source
from threadloom.checkpoints.transfer import Transfer
from threadloom.checkpoints.verify import Problem

if TYPE_CHECKING:
    from threadloom.checkpoints.saver import SQLSaver

PREFIX = "importing-"

Status = Literal["imported", "present", "failed"]


class Imported(NamedTuple):
    """What became of a thread.

    Args:
        status: "present" was there already; "failed" was left out because of its problems.
        checkpoints, writes: how many were read.
        problems: what could not be restored here, each class in a channel once, with the oldest checkpoint.
    """

    thread_id: str
    status: Status
    checkpoints: int = 0
    writes: int = 0
    problems: tuple[Problem, ...] = ()


def is_unfinished(thread_id: str) -> bool:
    """Whether it is what a thread is called until all of it is there."""
    return thread_id.startswith(PREFIX)


def import_threads(
    source: Source,
    target: "SQLSaver",
    thread_ids: Iterable[str] | None,
    *,
    dry_run: bool,
    progress: Callable[[], object],
) -> Iterator[Imported]:
    """Copy threads, one after another as the caller goes on.

    A thread that is there already stays as it is. One with something that could not be restored here is left out, with
    all that is wrong with it; the others are not kept from coming.

    Args:
        source: what `open_source` opened.
        target: has to take checkpoints in any order.
        thread_ids: these only; None for all.
        dry_run: read everything and store nothing.
        progress: called for every checkpoint that was read.

    Raises:
        DatabaseError: source or target fail as a whole.
    """
    leftovers = [] if dry_run else _unfinished(target)
    for thread_id in source.threads() if thread_ids is None else thread_ids:
        if _is_present(target, thread_id):
            result = Imported(thread_id, "present")
        else:
            name = None if dry_run else temporary_name(thread_id)
            result = _import(source, target, thread_id, name, progress)
        if result.status != "failed":
            for leftover in leftovers:
                if leftover.startswith(beginning_of(thread_id)):
                    target.delete_thread(leftover)
        yield result


def _import(
    source: Source, target: "SQLSaver", thread_id: str, name: str | None, progress: Callable[[], object]
) -> Imported:
    transfer = Transfer(thread_id, target, name)
    try:
        with source.snapshot(thread_id) as stored:
            transfer.run(stored, progress)
        transfer.finish()
    except ThreadExistsError:
        return Imported(thread_id, "present")
    finally:
        if name:
            target.delete_thread(name)
    problems = tuple(transfer.problems.values())
    if problems and _is_present(target, thread_id):  # a faster import has deleted what was under way here
        return Imported(thread_id, "present")
    return Imported(thread_id, "failed" if problems else "imported", transfer.checkpoints, transfer.writes, problems)


def temporary_name(thread_id: str) -> str:
    """What a thread is called until all of it is there; another one at each call."""
    return f"{beginning_of(thread_id)}{uuid4().hex}"


def beginning_of(thread_id: str) -> str:
    """How all temporary names of a thread begin."""
    return f"{PREFIX}{blake2b(thread_id.encode(errors='surrogatepass'), digest_size=8).hexdigest()}-"


def _is_present(target: "SQLSaver", thread_id: str) -> bool:
    try:
        return next(target.timeline(thread_id, limit=1), None) is not None
    except InvalidRequestError:  # it cannot be there under that name
        return False


def _unfinished(target: "SQLSaver") -> list[str]:
    """What imports left behind, or are at work on."""
    found: list[str] = []
    page = target.threads(limit=1000)
    while page:
        found += [thread.thread_id for thread in page if is_unfinished(thread.thread_id)]
        page = target.threads(limit=1000, before=page[-1])
    return found

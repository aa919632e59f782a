"""`effect(key, fn)`: something done to the world by a node or a tool, once over any number of resumes.

    def pay(state):
        receipt = effect(f"charge-{state['order']}", lambda key: bank.charge(state["amount"], idempotency_key=key))
        return {"receipt": receipt}

Before `fn` is called, the ledger of the thread says that it is about to be; afterwards, what it returned. When the
process dies in between, nobody knows whether it happened: the run then waits for a person, who says whether to retry,
that it did happen, or to give it up.
"""

import inspect
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from threading import Condition
from typing import TYPE_CHECKING, Any, TypeVar, overload
from uuid import uuid4

from langchain_core.runnables.config import var_child_runnable_config

from threadloom.checkpoints.dialects.generic import first_line
from threadloom.checkpoints.elements import enter_thread
from threadloom.checkpoints.errors import UnsavableValueError
from threadloom.runs import ledger
from threadloom.runs.compensation import name_of
from threadloom.runs.errors import EffectAbandonedError, EffectKeyError, EffectUnknownError
from threadloom.runs.ledger import OF_TASK, Effect

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver
    from threadloom.runs.recorder import Recorder

T = TypeVar("T")

LONGEST_KEY = 400
"""Bytes of an effect's key in UTF-8: on every database it fits into the ledger and into the handle of a question."""

CONTEXT = "__threadloom_drive"
"""The key of a config's `configurable` under which a Runner tells effects and model calls what they belong to."""


@dataclass(frozen=True)
class Drive:
    """One go at a run, from a start or resume to its next end.

    Attributes:
        saver, thread_id: where the ledger is.
        scope: whose effects have one ledger: the run's id, or that of a task.
        fence: of the lease under which it happens; None without a Runner.
        recorder: keeps what models answer; None without a Runner.
        done: by task and key of an effect, which execution of the task has had its result.
        under_way: the keys of effects that are being carried out.
        begun: the keys of all that were asked for.
    """

    saver: "SQLSaver"
    thread_id: str
    scope: str
    fence: int | None = None
    recorder: "Recorder | None" = None
    done: dict[tuple[str, str], object] = field(default_factory=dict)
    under_way: list[str] = field(default_factory=list)
    begun: set[str] = field(default_factory=set)
    _changed: Condition = field(default_factory=Condition)

    @contextmanager
    def carrying_out(self, key: str) -> Iterator[None]:
        """As long as this lasts an effect is under way."""
        with self._changed:
            self.begun.add(key)
            self.under_way.append(key)
        try:
            yield
        finally:
            with self._changed:
                self.under_way.remove(key)
                self._changed.notify_all()

    def settle(self, seconds: float) -> None:
        """Wait until no effect is under way, for so many seconds at most: threads outlive the tasks they work for."""
        with self._changed:
            self._changed.wait_for(lambda: not self.under_way, seconds)


@dataclass(frozen=True)
class _Task:
    """Where in a graph an effect is asked for.

    Attributes:
        id: the task.
        place: the names of the nodes from the root, and the super-step: alike whenever the task is repeated, also if
            its id is not, since the checkpoint from which that is made had not been stored.
        execution: something that no two executions of a task have in common.
    """

    id: str
    place: str
    execution: object


class _Call:
    """To be called, or awaited, for the program; all else that a plan yields is storage."""

    def __init__(self, fn: Callable[[], Any]) -> None:
        self.fn = fn


_UNKNOWN = {
    True: "resume the run with an answer: retry, happened or give up",
    False: "say what became of it with `threadloom effects THREAD --settle`, and run the graph again",
}

Plan = Generator[Any, Any, Any]


@overload
def effect(
    key: str, fn: Callable[..., Awaitable[T]], *, compensate: Callable[[Any], Any] | None = None
) -> Awaitable[T]: ...
@overload
def effect(key: str, fn: Callable[..., T], *, compensate: Callable[[Any], Any] | None = None) -> T: ...
def effect(key: str, fn: Callable[..., Any], *, compensate: Callable[[Any], Any] | None = None) -> Any:
    """The result of `fn`, which is called at most once for this key in this run, however often the run is resumed.

    Args:
        key: what the effect is, alike whenever the node runs again, and different for each effect of a run; text of
            400 bytes at most in UTF-8.
        fn: does it: called without arguments or, if it takes one, with an idempotency key for whom it calls. If it is a
            coroutine function, so is this: `await effect(…)`.
        compensate: undoes it, called with its result when the run is cancelled; see `compensation`.

    Without a SQLSaver nothing is remembered, and `fn` is just called. With one and no Runner, the key is remembered
    for as long as the same task of the graph is repeated. Run the graph with `durability="sync"` then, so that the
    checkpoint that makes the task is stored before the effect happens. Nobody asks of what is not known: see
    `outcomes.settle`.

    Raises:
        EffectUnknownError: it was begun before, and whether it happened is not known.
        EffectAbandonedError: a person gave it up.
        EffectKeyError: another effect of this run has the key, or it is none; nothing was done.
        TypeError: `fn` is no coroutine function, but what it returned is to be awaited; nothing was done.
        UnsavableValueError: it was done, but its result cannot be kept; it will not be done again.
        LeaseLostError: another process has taken the run over; nothing was done.
    """
    _check_text(key)
    undo = name_of(compensate) if compensate else ""
    drive, task = _place()
    if drive is None:
        return _called(fn, uuid4().hex)
    entry = Effect(drive.thread_id, drive.scope, key, "begun", drive.fence, task.id, task.place, compensation=undo)
    plan = _plan(drive, entry, task, fn)
    return (_awaited if inspect.iscoroutinefunction(fn) else _done)(drive, key, plan)


def _plan(drive: Drive, entry: Effect, task: _Task, fn: Callable[..., Any]) -> Plan:
    """What there is to do, for both sides."""
    entry, is_known = yield partial(_begin, drive=drive, entry=entry, task=task)
    if drive.done.get((task.id, entry.key), drive) is task.execution:
        raise EffectKeyError(_TWICE.format(key=entry.key))
    if is_known:
        drive.done[task.id, entry.key] = task.execution
        return entry.value
    try:
        value = yield _Call(partial(_called, fn, _idempotency_key(entry.thread_id, entry.scope, entry.key)))
    except EffectUnknownError as error:
        error.key, error.asks = entry.key, drive.fence is not None
        yield _storing(drive, replace(entry, state="unknown", error=first_line(error)))
        raise
    except Exception as error:
        yield _storing(drive, replace(entry, state="failed", error=first_line(error)))
        raise
    try:
        yield _storing(drive, replace(entry, state="done", value=value))
    except UnsavableValueError as error:
        yield _storing(drive, replace(entry, state="done", error=first_line(error)))
        raise
    drive.done[task.id, entry.key] = task.execution
    return value


def _begin(session: Any, drive: Drive, entry: Effect, task: _Task) -> tuple[Effect, bool]:
    """Note that it is begun, or find it done; returns the entry and whether it is done."""
    codec = drive.saver.codec
    enter_thread(session, entry.thread_id, "lead", fence=drive.fence)
    found = next(iter(ledger.load(session, codec, entry.thread_id, entry.scope, entry.key)), None)
    if found is None or found.state == "failed":
        ledger.store(session, codec, entry, fence=drive.fence)
        return entry, False
    _check_key(found, drive, task)
    if found.state == "done":
        if found.error:
            raise UnsavableValueError(found.error)
        return found, True
    if found.state in ("begun", "unknown"):
        told = f"effect {entry.key!r} was begun before, and whether it happened is not known"
        asks = drive.fence is not None
        raise EffectUnknownError(entry.key, f"{told}; {_UNKNOWN[asks]}", asks=asks)
    raise EffectAbandonedError(f"effect {entry.key!r} was given up or undone")


def _check_text(key: object) -> None:
    """Raises EffectKeyError for what some database could not keep, before anything happens on any of them."""
    if not isinstance(key, str) or not key:
        raise EffectKeyError(f"effect: a key is text that is not empty, not {key!r}")
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise EffectKeyError(f"effect {key[:40]!r}: the key is no text that could be stored") from None
    if size > LONGEST_KEY:
        raise EffectKeyError(
            f"effect {key[:40]!r}…: the key has {size:,} bytes, and {LONGEST_KEY} at most are kept; "
            "use a hash of what is long in it"
        )


def _check_key(found: Effect, drive: Drive, task: _Task) -> None:
    """A key that is found again is the same effect only if the task that asked for it is being repeated."""
    if drive.fence is None or found.task == task.id:
        return
    if found.fence == drive.fence or found.place != task.place:
        raise EffectKeyError(_TWICE.format(key=found.key))


_TWICE = (
    "effect {key!r}: something else was done in this run under this key already; give each effect a key of its own, "
    "for example with the number of the step or the id of the tool call in it"
)


def _place() -> tuple[Drive | None, _Task]:
    """What the node or tool that is running belongs to."""
    config: Any = var_child_runnable_config.get() or {}
    known, metadata = config.get("configurable", {}), config.get("metadata", {})
    nodes = "|".join(part.partition(":")[0] for part in known.get("checkpoint_ns", "").split("|"))
    task_id, scratchpad = known.get("__pregel_task_id", ""), known.get("__pregel_scratchpad")
    execution = getattr(scratchpad, "interrupt_counter", object())  # LangGraph makes one for each
    task = _Task(task_id, f"{nodes} {metadata.get('langgraph_step')}", execution)
    if (drive := known.get(CONTEXT)) is not None:
        return drive, task
    saver: Any = known.get("__pregel_checkpointer")
    if not hasattr(saver, "fenced"):  # no SQLSaver, whose import would be for nothing
        return None, task
    return Drive(saver, str(known.get("thread_id")), OF_TASK + task_id), task


def _called(fn: Callable[..., Any], key: str) -> Any:
    """Call it with the idempotency key, if it takes one."""
    try:
        inspect.signature(fn).bind()
        call = fn
    except TypeError:
        call = partial(fn, key)
    result = call()
    if inspect.iscoroutine(result) and not inspect.iscoroutinefunction(fn):
        result.close()  # nothing of it has happened
        raise TypeError("effect: a coroutine is done by a coroutine function: pass one made with `async def`")
    return result


def _idempotency_key(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()[:32]


def _storing(drive: Drive, entry: Effect) -> Callable[[Any], None]:
    return partial(ledger.store, codec=drive.saver.codec, effect=entry, fence=drive.fence)


def _done(drive: Drive, key: str, plan: Plan) -> Any:
    with drive.carrying_out(key):
        try:
            step = next(plan)
            while True:
                try:
                    result = step.fn() if isinstance(step, _Call) else drive.saver.database.write(step)
                except Exception as error:  # noqa: BLE001  # the plan knows what to do about it
                    step = plan.throw(error)
                else:
                    step = plan.send(result)
        except StopIteration as end:
            return end.value


async def _awaited(drive: Drive, key: str, plan: Plan) -> Any:
    with drive.carrying_out(key):
        try:
            step = next(plan)
            while True:
                try:
                    result = await (step.fn() if isinstance(step, _Call) else drive.saver.database.awrite(step))
                except Exception as error:  # noqa: BLE001  # the plan knows what to do about it
                    step = plan.throw(error)
                else:
                    step = plan.send(result)
        except StopIteration as end:
            return end.value

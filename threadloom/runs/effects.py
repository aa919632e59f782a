"""`effect(key, fn)`: something done to the world by a node or a tool, once over any number of resumes.

    def pay(state):
        receipt = effect(f"charge-{state['order']}", lambda key: bank.charge(state["amount"], idempotency_key=key))
        return {"receipt": receipt}

Before `fn` is called, the ledger of the thread says that it is about to be; afterwards, what it returned. When the
process dies in between, nobody knows whether it happened: the run then waits for a person, who says whether to retry,
that it did happen, or to give it up.
"""

import inspect
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar, overload

from langchain_core.runnables.config import var_child_runnable_config

from threadloom.checkpoints.dialects.generic import first_line
from threadloom.checkpoints.elements import enter_thread
from threadloom.checkpoints.errors import UnsavableValueError
from threadloom.runs import ledger
from threadloom.runs.compensation import name_of
from threadloom.runs.errors import EffectAbandonedError, EffectKeyError, EffectUnknownError
from threadloom.runs.ledger import Effect

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver

T = TypeVar("T")

CONTEXT = "__threadloom_drive"
"""The key of a config's `configurable` under which a Runner tells effects what they belong to."""


@dataclass(frozen=True)
class Drive:
    """One go at a run, from a start or resume to its next end.

    Attributes:
        saver, thread_id: where the ledger is.
        scope: whose effects have one ledger: the run's id, or that of a task.
        fence: of the lease under which it happens; None without a Runner.
        first_step: the super-step of the root graph that it begins with, which may have been begun before.
    """

    saver: "SQLSaver"
    thread_id: str
    scope: str
    fence: int | None = None
    first_step: int = 0


@dataclass(frozen=True)
class _Task:
    """Where in a graph an effect is asked for: a task by its id, and its super-step if it is one of the root graph."""

    id: str
    step: int | None


class _Call:
    """To be called, or awaited, for the program; all else that a plan yields is storage."""

    def __init__(self, fn: Callable[[], Any]) -> None:
        self.fn = fn


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
        key: what the effect is, alike whenever the node runs again, and different for each effect of a run.
        fn: does it: called without arguments or, if it takes one, with an idempotency key for whom it calls. If it is a
            coroutine function, so is this: `await effect(…)`.
        compensate: undoes it, called with its result when the run is cancelled; see `compensation`.

    Without a SQLSaver nothing is remembered, and `fn` is just called. With one and no Runner, the key is remembered
    for as long as the same task of the graph is repeated.

    Raises:
        EffectUnknownError: it was begun before, and whether it happened is not known.
        EffectAbandonedError: a person gave it up.
        EffectKeyError: another effect of this run has the key.
        UnsavableValueError: it was done, but its result cannot be kept; it will not be done again.
        LeaseLostError: another process has taken the run over; nothing was done.
    """
    undo = name_of(compensate) if compensate else ""
    drive, task = _place()
    if drive is None:
        return _called(fn, _idempotency_key("", "", key))
    entry = Effect(drive.thread_id, drive.scope, key, "begun", drive.fence, task.id, compensation=undo)
    plan = _plan(drive, entry, task, fn)
    return _awaited(drive, plan) if inspect.iscoroutinefunction(fn) else _done(drive, plan)


def _plan(drive: Drive, entry: Effect, task: _Task, fn: Callable[..., Any]) -> Plan:
    """What there is to do, for both sides."""
    entry, is_known = yield partial(_begin, drive=drive, entry=entry, task=task)
    if is_known:
        return entry.value
    try:
        value = yield _Call(partial(_called, fn, _idempotency_key(entry.thread_id, entry.scope, entry.key)))
    except EffectUnknownError as error:
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
        raise EffectUnknownError(
            entry.key,
            f"effect {entry.key!r} was begun before, and whether it happened is not known; "
            "resume the run with an answer: retry, happened or give up",
        )
    raise EffectAbandonedError(f"effect {entry.key!r} was given up or undone")


def _check_key(found: Effect, drive: Drive, task: _Task) -> None:
    """A key that is found again is the same effect only if the step that asked for it is being repeated."""
    if drive.fence is None or found.task == task.id:
        return
    repeated = task.step is None or task.step <= drive.first_step
    if found.fence == drive.fence or not repeated:
        raise EffectKeyError(
            f"effect {found.key!r}: another step of this run has done something under this key already; give each "
            "effect a key of its own, for example with the step's number or the tool call's id in it"
        )


def _place() -> tuple[Drive | None, _Task]:
    """What the node or tool that is running belongs to."""
    config: Any = var_child_runnable_config.get() or {}
    known, metadata = config.get("configurable", {}), config.get("metadata", {})
    namespace, task_id = known.get("checkpoint_ns", ""), known.get("__pregel_task_id", "")
    task = _Task(task_id, None if "|" in namespace else metadata.get("langgraph_step"))
    if (drive := known.get(CONTEXT)) is not None:
        return drive, task
    saver: Any = known.get("__pregel_checkpointer")
    if not hasattr(saver, "fenced"):  # no SQLSaver, whose import would be for nothing
        return None, task
    return Drive(saver, str(known.get("thread_id")), f"task {task_id}"), task


def _called(fn: Callable[..., Any], key: str) -> Any:
    """Call it with the idempotency key, if it takes one."""
    try:
        inspect.signature(fn).bind()
    except TypeError:
        return fn(key)
    return fn()


def _idempotency_key(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()[:32]


def _storing(drive: Drive, entry: Effect) -> Callable[[Any], None]:
    return partial(ledger.store, codec=drive.saver.codec, effect=entry, fence=drive.fence)


def _done(drive: Drive, plan: Plan) -> Any:
    database = drive.saver.database
    try:
        step = next(plan)
        while True:
            try:
                result = step.fn() if isinstance(step, _Call) else database.write(step)
            except Exception as error:  # noqa: BLE001  # the plan knows what to do about it
                step = plan.throw(error)
            else:
                step = plan.send(result)
    except StopIteration as end:
        return end.value


async def _awaited(drive: Drive, plan: Plan) -> Any:
    database = drive.saver.database
    try:
        step = next(plan)
        while True:
            try:
                call = step.fn() if isinstance(step, _Call) else database.offload(database.write, step)
                result = await call
            except Exception as error:  # noqa: BLE001  # the plan knows what to do about it
                step = plan.throw(error)
            else:
                step = plan.send(result)
    except StopIteration as end:
        return end.value

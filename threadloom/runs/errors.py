"""What can go wrong with runs, beside what goes wrong in the store: one root, the docstring is the default message."""

from collections.abc import Sequence


class RunError(Exception):
    """The run cannot do that."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class UnknownGraphError(RunError, LookupError):
    """This Runner was given no graph of that name."""


class UnknownRunError(RunError, LookupError):
    """There is no such run in this database."""


class ThreadBusyError(RunError):
    """The thread has a run that has not come to its end.

    Attributes:
        thread_id: which thread.
        run_id: the run; None for a lease of no run that is known.
        status: its status; of a lease whose it is.

    `remedy` is what helps whoever wanted something of the thread.
    """

    def __init__(self, thread_id: str, run_id: str | None, status: str, remedy: str = "") -> None:
        self.thread_id, self.run_id, self.status = thread_id, run_id, status
        told = f" is held by {status}" if run_id is None else f": run {run_id} is {status}"
        super().__init__(f"thread {thread_id!r}{told}; {remedy or 'try again when it is free'}")


class NotResumableError(RunError):
    """The run is not in a state from which it can go on."""


class GraphChangedError(RunError):
    """The graph has changed since the run stopped, so that it would not go on as it was meant to.

    Attributes:
        run_id: which run.
        problems: why, each in a line.
    """

    def __init__(self, run_id: str, graph: str, problems: Sequence[str]) -> None:
        self.run_id, self.problems = run_id, tuple(problems)
        super().__init__(
            f"run {run_id}: graph {graph!r} has changed, and it would not go on as it was meant to: "
            f"{'; '.join(problems)}. Give the Runner migrations for it (docs/graph-changes.md), or the graph as it was"
        )


class AnswerRefusedError(RunError, ValueError):
    """The answer does not fit what was asked; the run stays as it is."""


class EffectError(RunError):
    """An effect cannot be carried out, or not be settled as was wished."""


class EffectUnknownError(EffectError):
    """Whether an effect happened is not known: it was begun, and nobody saw its end.

    Raise it from a function given to `effect` that cannot tell either: a person is asked then.

    Attributes:
        key: of the effect.
        asks: whether a Runner asks a person, if this comes to it: what catches this error lets it pass then.
    """

    def __init__(self, key: str = "", message: str | None = None, *, asks: bool = False) -> None:
        self.key, self.asks = key, asks
        super().__init__(message)


class EffectAbandonedError(EffectError):
    """A person decided that this effect, whose outcome was not known, is given up."""


class EffectKeyError(EffectError, ValueError):
    """One key of an effect is used for two of them: let it say which, for example by the id of the tool call."""


class UnknownThreadError(RunError, LookupError):
    """There is no such thread in this database."""


class MigrationError(RunError):
    """A thread cannot be migrated like this; nothing of it was changed."""

"""What can go wrong in the checkpoint store: one root, the docstring is the default message."""

from collections.abc import Iterable


class CheckpointError(Exception):
    """The checkpoint store failed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class InvalidRequestError(CheckpointError, ValueError):
    """The request names no thread, or uses an id or option that cannot be understood."""


class DatabaseURLError(CheckpointError, ValueError):
    """The database URL cannot be read; write it like sqlite:///runs.db."""


class UnsupportedDatabaseError(CheckpointError):
    """This kind of database or engine is not supported; pass a URL like sqlite:///runs.db."""


class MissingDriverError(CheckpointError, ImportError):
    """The driver of this database is not installed."""


class SchemaVersionError(CheckpointError):
    """The database was written by another Threadloom; a newer one opens it, or `threadloom db upgrade` converts it."""


class ClosedError(CheckpointError):
    """This saver is closed; create a new SQLSaver."""


class NotASourceError(CheckpointError, ValueError):
    """This is no database of langgraph-checkpoint-sqlite or langgraph-checkpoint-postgres."""


class NotAnArchiveError(CheckpointError, ValueError):
    """This is no whole file that `threadloom export` wrote."""


class ThreadExistsError(CheckpointError):
    """The target thread already has checkpoints; choose a new id or delete it first."""


class StaleThreadError(CheckpointError):
    """Another run has taken this thread further; nothing was stored: start again from the latest checkpoint.

    Attributes:
        thread_id, ns: where.
        parent_id: the checkpoint from which the refused run went on; None when it found the thread empty.
        head_id: the latest checkpoint now; None when the thread was deleted meanwhile.
    """

    def __init__(self, thread_id: str, ns: str, parent_id: str | None, head_id: str | None) -> None:
        self.thread_id, self.ns, self.parent_id, self.head_id = thread_id, ns, parent_id, head_id
        super().__init__(
            f"thread {thread_id!r}: this run went on from checkpoint {parent_id}, but the latest is {head_id} by now: "
            "another run took the thread further. Nothing was stored; start again from the latest checkpoint"
        )


class ThreadDeletedError(CheckpointError):
    """The thread was deleted while a run went on in it; nothing was stored: start it again if it is still wanted.

    Attributes:
        thread_id: which one.
    """

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        super().__init__(
            f"thread {thread_id!r} was deleted while this run went on in it. Nothing was stored; start it again if it "
            "is still wanted"
        )


class LeaseLostError(CheckpointError):
    """Another process has taken the thread over; nothing was stored, and this one stops.

    Attributes:
        thread_id: which one.
    """

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        super().__init__(
            f"thread {thread_id!r}: the lease under which this run went on is lost, since another process took the "
            "thread over or somebody deleted it. Nothing was stored; what became of the run, its new owner knows"
        )


class MissingParentError(CheckpointError):
    """A run goes on from a checkpoint that somebody deleted; nothing was stored: start again from one that is there.

    Attributes:
        thread_id, ns, parent_id: which checkpoint.
    """

    def __init__(self, thread_id: str, ns: str, parent_id: str) -> None:
        self.thread_id, self.ns, self.parent_id = thread_id, ns, parent_id
        super().__init__(
            f"thread {thread_id!r}: this run went on from checkpoint {parent_id}, which was pruned or deleted "
            "meanwhile, perhaps with values that did not change since. Nothing was stored; start again from another one"
        )


class UnsavableValueError(CheckpointError, TypeError):
    """The state holds a value that could not be restored later, so it was not saved."""


class UnrestorableValueError(CheckpointError):
    """A stored value cannot be turned back into an object."""


class DamagedElementError(UnrestorableValueError):
    """A part of a stored value is not what was stored: the database is damaged, or somebody changed a row.

    Attributes:
        thread_id: where.
    """

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        super().__init__(
            f"thread {thread_id!r}: an element of it is not what was stored; `threadloom db verify` tells which values "
            "are concerned: restore them from a backup"
        )


class EncryptionError(CheckpointError):
    """The database's encryption and the keys of this saver do not fit."""


class InvalidKeyError(EncryptionError, ValueError):
    """An encryption key is 32 bytes in hexadecimal or base64; make one with: openssl rand -hex 32."""


class MissingKeyError(EncryptionError):
    """The database is encrypted with a key that this saver does not have.

    Attributes:
        key_id: the id of that key.
    """

    def __init__(self, key_id: str, known: Iterable[str] = ()) -> None:
        self.key_id = key_id
        having = f"the keys here are {', '.join(known)}" if known else "no keys were given"
        super().__init__(
            f"this is encrypted with the key {key_id!r}, and {having}: pass it as SQLSaver(..., "
            f"encryption=Encryption({{{key_id!r}: …}})), or to the command line in THREADLOOM_ENCRYPTION_KEYS"
        )


class BrokenSealError(EncryptionError):
    """What is stored does not open: the key is another one of the same id, or somebody changed or moved a row.

    Attributes:
        thread_id, key_id: where, and the id of the key; no thread when the key is another one for sure.
    """

    def __init__(self, thread_id: str | None, key_id: str) -> None:
        self.thread_id, self.key_id = thread_id, key_id
        super().__init__(
            f"the key {key_id!r} is not the one of that id with which this database was encrypted; give that one, or "
            "this one another id"
            if thread_id is None
            else f"thread {thread_id!r}: what is stored does not open with the key {key_id!r}: either that is another "
            "key of the same id, or somebody changed or moved rows; `threadloom db verify` tells how much is concerned"
        )


class NotEncryptedError(EncryptionError):
    """This saver encrypts, and what is stored is plain text.

    Attributes:
        thread_id: where; None for the whole database.
    """

    def __init__(self, thread_id: str | None = None) -> None:
        self.thread_id = thread_id
        super().__init__(
            f"{'this database' if thread_id is None else f'thread {thread_id!r}'} holds plain text, which a saver that "
            "encrypts does not trust: encrypt what is there with SQLSaver.rekey() or `threadloom db rekey`, once"
        )


class DatabaseError(CheckpointError):
    """The database refused the operation."""


class DatabaseUnavailableError(DatabaseError):
    """The database cannot be reached or opened."""


class NotADatabaseError(DatabaseError):
    """The file is not a database, or is damaged."""


class ReadOnlyDatabaseError(DatabaseError):
    """The database is read-only."""


class DatabaseFullError(DatabaseError):
    """The disk or database is full; nothing half-written was kept."""


class DatabaseBusyError(DatabaseError):
    """The database is locked or overloaded by others; try again."""

"""What can go wrong in the checkpoint store: one root, the docstring is the default message."""


class CheckpointError(Exception):
    """The checkpoint store failed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class InvalidRequestError(CheckpointError, ValueError):
    """The request names no thread, or uses an id or option that cannot be understood."""


class DatabaseURLError(CheckpointError, ValueError):
    """The database URL cannot be read; write it like sqlite:///runs.db."""


class UnsupportedDatabaseError(CheckpointError):
    """This kind of database is not supported; sqlite only so far."""


class SchemaVersionError(CheckpointError):
    """The database was written by a newer Threadloom; upgrade threadloom to open it."""


class ClosedError(CheckpointError):
    """This saver is closed; create a new SQLSaver."""


class ThreadExistsError(CheckpointError):
    """The target thread already has checkpoints; choose a new id or delete it first."""


class UnsavableValueError(CheckpointError, TypeError):
    """The state holds a value that could not be restored later, so it was not saved."""


class UnrestorableValueError(CheckpointError):
    """A stored value cannot be turned back into an object."""


class DatabaseError(CheckpointError):
    """The database refused the operation."""


class DatabaseUnavailableError(DatabaseError):
    """The database cannot be opened."""


class NotADatabaseError(DatabaseError):
    """The file is not a database, or is damaged."""


class ReadOnlyDatabaseError(DatabaseError):
    """The database is read-only."""


class DatabaseFullError(DatabaseError):
    """The disk or database is full; nothing half-written was kept."""


class DatabaseBusyError(DatabaseError):
    """Another process kept the database locked for too long."""

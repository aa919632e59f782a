"""Paths inside a folder, opened step by step so that no link leads out of it.

A check of the whole path beforehand would be true only until somebody replaces a folder by a link. Here each folder is
opened from the one before it, and links are never followed, so what was checked is what is used.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from langchain_core.tools import ToolException

MOST_PARTS = 20
MOST_OF_NAME = 200
"""Bytes."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # without waiting for the other end of a pipe


class WorkspaceError(ToolException):
    """It cannot be done; the message is one line that says why and holds no path outside the workspace."""


def parts_of(path: str) -> tuple[str, ...]:
    """The names in a path such as `notes/today.md`; none for `.` or nothing. Raises WorkspaceError."""
    parts = tuple(part for part in path.strip().split("/") if part not in {"", "."})
    if path.strip().startswith(("/", "~")):
        raise WorkspaceError("paths begin in the workspace: write notes/today.md, without / or ~ in front")
    for part in parts:
        if part.startswith("."):
            raise WorkspaceError("names that begin with a dot are not available")
        if not is_usable(part):
            raise WorkspaceError("a name has characters that cannot be used, or is too long")
    if len(parts) > MOST_PARTS:
        raise WorkspaceError(f"more than {MOST_PARTS} folders deep")
    return parts


def is_usable(name: str) -> bool:
    """Whether a file or folder may have this name.

    No dot in front: besides `..`, that is what programs obey without being asked, such as `.git/hooks` or `.bashrc`.
    """
    return not name.startswith(".") and name.isprintable() and "\\" not in name and len(name.encode()) <= MOST_OF_NAME


@contextmanager
def opened_root(root: Path) -> Iterator[int]:
    """A descriptor of the workspace itself. Raises WorkspaceError."""
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise WorkspaceError(f"the workspace cannot be opened: {error.strerror}") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def opened_folder(root: int, parts: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
    """A descriptor of a folder below `root`, made first if `make`. Raises WorkspaceError."""
    descriptor = os.dup(root)
    try:
        for part in parts:
            if make:
                _make(part, descriptor)
            inner = _open(part, _FOLDER, descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def file_bytes(folder: int, name: str, most: int) -> bytes:
    """The content of a plain file of at most `most` bytes.

    Raises WorkspaceError, and FileNotFoundError if there is no such file.
    """
    descriptor = _open(name, _FILE, folder, missing=True)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise WorkspaceError(f"{name} is not a file")
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(most + 1)
    finally:
        os.close(descriptor)
    if len(content) > most:
        raise WorkspaceError(f"{name} has {found.st_size:,} bytes; only files of up to {most:,} can be used")
    return content


def _open(name: str, flags: int, folder: int, *, missing: bool = False) -> int:
    try:
        return os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        if missing:
            raise
        raise WorkspaceError(f"there is no {name}") from None
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else error.strerror
        raise WorkspaceError(f"{name} cannot be opened: {why}") from None


def _make(name: str, folder: int) -> None:
    try:
        os.mkdir(name, dir_fd=folder)
    except FileExistsError:
        return
    except OSError as error:
        raise WorkspaceError(f"the folder {name} cannot be made: {error.strerror}") from None

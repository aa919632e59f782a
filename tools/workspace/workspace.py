"""The workspace: list, read, write, append, search. Plain functions; `tools` makes tools of them.

A file is replaced whole or not at all: it is written beside its place, then renamed. Writers take turns, by a lock on
the folder that ends with its process, so that nothing is overwritten unseen and the limits hold.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from threadloom.tools.workspace.path import (
    MOST_PARTS,
    WorkspaceError,
    file_bytes,
    is_usable,
    opened_folder,
    opened_root,
    parts_of,
)

MOST_OF_FILE = 5_000_000
MOST_OF_ALL = 100_000_000
"""Bytes of one file, and of all."""
MOST_FILES = 5_000
MOST_LISTED = 50_000
"""Files, for a workspace that others fill."""
_UNFINISHED = ".threadloom-unfinished"
"""What a file is called until it is complete. Writers take turns, so one name is enough; a crash leaves one file."""


@dataclass(frozen=True)
class Entry:
    """A file in the workspace."""

    path: str
    size: int
    """In bytes."""


@dataclass(frozen=True)
class Match:
    """A line that holds what was searched for."""

    path: str
    line: int
    start: int
    """Character of the file where the line begins."""
    text: str


class Workspace:
    """The folder `root`, made if it is not there. Raises WorkspaceError if it cannot be.

    Links in it are not followed, and names that begin with a dot do not exist as far as it goes.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkspaceError(f"the workspace {root} cannot be made: {error.strerror}") from error

    def files(self, folder: str = "") -> list[Entry]:
        """All files in a folder and the folders in it, by path. Raises WorkspaceError."""
        parts = parts_of(folder)
        with opened_root(self.root) as root, opened_folder(root, parts) as start:
            found = list(islice(_files(start, parts), MOST_LISTED + 1))
        if len(found) > MOST_LISTED:
            raise WorkspaceError(f"there are more than {MOST_LISTED:,} files: name a folder")
        return sorted(found, key=lambda entry: entry.path)

    def read(self, path: str) -> str:
        """The text of a file. Raises WorkspaceError."""
        *parts, name = _file(path)
        with opened_root(self.root) as root, opened_folder(root, tuple(parts)) as folder:
            return _text(folder, name)

    def write(self, path: str, content: str, *, replace: bool = False) -> None:
        """Make a file of `content`; one that is there already stays unless `replace`, or its text is the same.

        Raises WorkspaceError.
        """
        with self._turn(path) as (root, folder, name):
            before = _bytes(folder, name)
            if before is not None and not replace and before != content.encode():
                raise WorkspaceError(f"{path} is there already: read it first, and replace it if you mean to")
            self._put(root, folder, name, content.encode(), before)

    def append(self, path: str, content: str) -> None:
        """Put `content` at the end of a file, which is made if there is none. Raises WorkspaceError."""
        with self._turn(path) as (root, folder, name):
            before = _bytes(folder, name)
            self._put(root, folder, name, (before or b"") + content.encode(), before)

    def search(self, words: str, folder: str = "") -> Iterator[Match]:
        """Lines of text files that hold `words`, in any case, in order of path. Raises WorkspaceError."""
        wanted = words.casefold()
        for entry in self.files(folder):
            try:
                content = self.read(entry.path)
            except WorkspaceError:  # not text, too large, or gone meanwhile
                continue
            start = 0
            for number, line in enumerate(content.splitlines(keepends=True), 1):
                if wanted in line.casefold():
                    yield Match(entry.path, number, start, line.strip())
                start += len(line)

    @contextmanager
    def _turn(self, path: str) -> Iterator[tuple[int, int, str]]:
        """Descriptors of the workspace and of the file's folder, and the file's name, for whoever alone writes now."""
        *parts, name = _file(path)
        with opened_root(self.root) as root:
            fcntl.flock(root, fcntl.LOCK_EX)  # closing the descriptor ends it, and so does the end of the process
            with opened_folder(root, tuple(parts), make=True) as folder:
                yield root, folder, name

    def _put(self, root: int, folder: int, name: str, content: bytes, before: bytes | None) -> None:
        if len(content) > MOST_OF_FILE:
            raise WorkspaceError(f"a file may have {MOST_OF_FILE:,} bytes; this would be {len(content):,}")
        sizes = [entry.size for entry in islice(_files(root, ()), MOST_FILES + 1)]
        more = len(content) - len(before or b"")
        if (before is None and len(sizes) >= MOST_FILES) or (more > 0 and sum(sizes) + more > MOST_OF_ALL):
            raise WorkspaceError(f"the workspace is full: {MOST_FILES:,} files and {MOST_OF_ALL:,} bytes at most")
        try:
            _replace(root, folder, name, content)
        except OSError as error:
            raise WorkspaceError(f"{name} cannot be written: {error.strerror}") from error


def _file(path: str) -> tuple[str, ...]:
    parts = parts_of(path)
    if not parts:
        raise WorkspaceError("name a file, such as notes/today.md")
    return parts


def _bytes(folder: int, name: str) -> bytes | None:
    try:
        return file_bytes(folder, name, MOST_OF_FILE)
    except FileNotFoundError:
        return None


def _text(folder: int, name: str) -> str:
    content = _bytes(folder, name)
    if content is None:
        raise WorkspaceError(f"there is no {name}")
    try:
        return content.decode()
    except UnicodeError:
        raise WorkspaceError(f"{name} is not a text file") from None


def _replace(root: int, folder: int, name: str, content: bytes) -> None:
    with suppress(FileNotFoundError):  # a crash has left it
        os.unlink(_UNFINISHED, dir_fd=root)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(_UNFINISHED, flags, 0o666, dir_fd=root), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(_UNFINISHED, name, src_dir_fd=root, dst_dir_fd=folder)
    os.fsync(folder)


def _files(start: int, parts: tuple[str, ...]) -> Iterator[Entry]:
    """Plain files below a folder whose path is `parts`."""
    for where, folders, names, folder in os.fwalk(".", dir_fd=start, follow_symlinks=False):
        inside = (*parts, *(part for part in where.split("/") if part != "."))
        folders[:] = filter(is_usable, folders) if len(inside) < MOST_PARTS else []
        for name in filter(is_usable, names):
            with suppress(FileNotFoundError):  # gone meanwhile
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISREG(found.st_mode):
                    yield Entry("/".join((*inside, name)), found.st_size)

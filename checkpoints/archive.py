"""One thread as a file: what `threadloom export` writes and `threadloom import` reads.

The file is a line that names the format and its version, a zlib stream, and the SHA-256 of all that is before it. In
the stream are records, each a length of four bytes (big-endian) and so many of MessagePack: first a map with the id of
the thread, then one array for each row, which begins with the name of its table and goes on with `COLUMNS`. An element
comes before all that refer to it, and is named by the BLAKE2b of its bytes, without a key: what was encrypted in the
database is plain text here. Values are those of LangGraph's serializer, never pickled. The same thread makes the same
bytes on every database.
"""

import hashlib
import os
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import ormsgpack

from threadloom.checkpoints.errors import InvalidRequestError, NotAnArchiveError

MAGIC = b"threadloom thread "
VERSION = 1
HEADER = MAGIC + b"%d\n" % VERSION
CHECKSUM = hashlib.sha256().digest_size
CHUNK = 256 * 1024  # bytes that are read at a time
LARGEST = 1 << 30  # bytes of a record: what a hostile file can make a reader take into memory

COLUMNS = {
    "checkpoints": ("ns", "checkpoint_id", "parent_id", "run_id", "source", "step", "ts", "body"),
    "values": ("ns", "channel", "version", "type", "data"),
    "writes": ("ns", "checkpoint_id", "task_id", "idx", "task_path", "channel", "type", "data"),
    "elements": ("digest", "inner", "data"),
}
"""What of a table is in a record, in this order."""


class Row(NamedTuple):
    """A record: a row of a table, without its thread."""

    table: str
    values: dict[str, Any]


class Writing:
    """A file under way.

    Args:
        file: where to.
        thread_id: whose rows follow.
    """

    def __init__(self, file: IO[bytes], thread_id: str) -> None:
        self._file, self._digest, self._squeezing = file, hashlib.sha256(), zlib.compressobj(6)
        self._write(HEADER)
        self._record({"thread_id": thread_id})

    def add(self, table: str, row: dict[str, Any]) -> None:
        """Write a row; raises InvalidRequestError when it is too large to be read again."""
        self._record([table, *(row[name] for name in COLUMNS[table])])

    def finish(self) -> None:
        """Write what makes it whole."""
        self._write(self._squeezing.flush())
        self._file.write(self._digest.digest())

    def _record(self, content: Any) -> None:
        data = ormsgpack.packb(content)
        if len(data) > LARGEST:
            raise InvalidRequestError(f"a single value of {len(data):,} bytes is too large for an export")
        self._write(self._squeezing.compress(len(data).to_bytes(4) + data))

    def _write(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)


@contextmanager
def written(path: Path, thread_id: str) -> Iterator[Writing]:
    """A new file, which is there when it is whole or not at all; only its owner may read it.

    Raises InvalidRequestError when there is one of that name, OSError when it cannot be written.
    """
    if path.exists():
        raise InvalidRequestError(f"{path} is there already; give another name or remove it first")
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            writing = Writing(file, thread_id)
            yield writing
            writing.finish()
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)
    finally:
        beside.unlink(missing_ok=True)


class Archive:
    """A whole file that was exported.

    Args:
        path: where it is.

    Attributes:
        thread_id: what the thread was called.

    Raises:
        NotAnArchiveError: it is another file, or was cut or edited, or is of a newer version.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._end = self._check()
        first = next(self._records(), None)
        if not isinstance(first, dict) or not isinstance(first.get("thread_id"), str):
            raise self.fault("it does not say which thread it is of")
        self.thread_id: str = first["thread_id"]

    def rows(self) -> Iterator[Row]:
        """All rows, read as the caller goes on; raises NotAnArchiveError at one that is none."""
        records = self._records()
        next(records)
        for record in records:
            columns = COLUMNS.get(record[0]) if isinstance(record, list) and record else None
            if columns is None or len(record) != len(columns) + 1:
                raise self.fault("a record in it is no row of a thread")
            yield Row(record[0], dict(zip(columns, record[1:], strict=True)))

    def _check(self) -> int:
        """Where the compressed part ends, in a file that is as it was written."""
        digest, left = hashlib.sha256(), self._path.stat().st_size - CHECKSUM
        with self._path.open("rb") as file:
            begins = file.read(len(HEADER))
            if not begins.startswith(MAGIC):
                raise self.fault("it is no thread that `threadloom export` wrote")
            if begins != HEADER:
                version = begins.removeprefix(MAGIC).decode(errors="replace").strip()
                raise self.fault(f"it is of version {version} of the format, and version {VERSION} is known here")
            file.seek(0)
            while left > 0 and (chunk := file.read(min(CHUNK, left))):
                digest.update(chunk)
                left -= len(chunk)
            if left or file.read() != digest.digest():
                raise self.fault("it was cut or edited since it was exported")
        return self._path.stat().st_size - CHECKSUM

    def _records(self) -> Iterator[Any]:
        with self._path.open("rb") as file:
            file.seek(len(HEADER))
            inflated = _Inflated(file, self._end - len(HEADER))
            try:
                while length := inflated.read(4):
                    size = int.from_bytes(length)
                    if size > LARGEST:
                        raise self.fault(f"a record in it claims to have {size:,} bytes")
                    yield ormsgpack.unpackb(inflated.read(size))
            except (ValueError, zlib.error) as exc:
                if isinstance(exc, NotAnArchiveError):
                    raise
                raise self.fault(f"what is in it cannot be read ({exc})") from exc

    def fault(self, reason: str) -> NotAnArchiveError:
        """The error that says why it cannot be imported."""
        return NotAnArchiveError(f"{self._path} cannot be imported: {reason}")


class _Inflated:
    """The inside of a zlib stream; never more in memory than was asked for and a chunk."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size
        self._stream, self._input = zlib.decompressobj(), b""

    def read(self, size: int) -> bytes:
        """So many bytes; none at the end. Raises ValueError when the stream ends in between."""
        found = bytearray()
        while len(found) < size and (more := self._next(size - len(found))):
            found += more
        if found and len(found) < size:
            raise ValueError("the last record is not whole")
        return bytes(found)

    def _next(self, most: int) -> bytes:
        while not self._stream.eof:
            if not self._input and self._left:
                self._input = self._file.read(min(CHUNK, self._left))
                self._left -= len(self._input)
            ended = not self._input
            found = self._stream.decompress(self._input, min(most, CHUNK))
            self._input = self._stream.unconsumed_tail
            if found:
                return found
            if ended:
                raise ValueError("the stream is not whole")
        return b""

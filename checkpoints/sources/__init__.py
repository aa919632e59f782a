"""Databases that LangGraph's own savers wrote, one file each; `open_source` tells them apart.

They are read with plain SQL, without the packages that wrote them, and never written to.
"""

from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, create_engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from threadloom.checkpoints.errors import MissingDriverError, NotASourceError
from threadloom.checkpoints.sources.postgresql import PostgresSource
from threadloom.checkpoints.sources.source import Source
from threadloom.checkpoints.sources.sqlite import SqliteSource

_KINDS: dict[str, type[Source]] = {"sqlite": SqliteSource, "postgresql": PostgresSource}


def open_source(target: str) -> Source:
    """The checkpoints in a database of langgraph-checkpoint-sqlite or langgraph-checkpoint-postgres; close it.

    Args:
        target: the path of an SQLite file, or a URL; the schema of PostgreSQL that its tables are in, if it is another
            than usual, is given as libpq does: `postgresql://…?options=-csearch_path%3Dmine`.

    Raises:
        NotASourceError: it is something else.
        MissingDriverError, DatabaseError: it cannot be opened.
    """
    url = _url_of(target)
    try:
        engine = create_engine(url, poolclass=NullPool)
    except ImportError as exc:
        remedy = "pip install 'threadloom[postgres]'"
        raise MissingDriverError(f"{url.render_as_string()}: its driver is missing ({exc}); {remedy}") from exc
    except NoSuchModuleError as exc:
        raise NotASourceError(f"{url.render_as_string()}: SQLAlchemy knows no {url.drivername}") from exc
    source = _KINDS[url.get_backend_name()](engine)
    source.check()
    return source


def _url_of(target: str) -> URL:
    if "://" not in target:
        return _read_only(target)
    try:
        url = make_url(target)
    except (ArgumentError, ValueError) as exc:
        raise NotASourceError("the URL of the source cannot be read; write it like postgresql://host/name") from exc
    if url.drivername in ("postgres", "postgresql"):  # libpq, and so the official saver, takes both
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite":
        return _read_only(url.database or "")
    if url.get_backend_name() not in _KINDS:
        raise NotASourceError(f"{url.render_as_string()}: LangGraph's savers use SQLite and PostgreSQL, not this")
    return url


def _read_only(path: str) -> URL:
    if not Path(path).is_file():
        raise NotASourceError(f"there is no SQLite file {path!r}; give a path, or a URL like postgresql://host/name")
    return URL.create("sqlite", database=f"file:{quote(path)}", query={"mode": "ro", "uri": "true"})

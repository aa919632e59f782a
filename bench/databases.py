"""Where peers keep their data: an empty database for each, how large it grew, and what it promises."""

import os
import secrets
import sqlite3
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from sqlalchemy import NullPool, create_engine, make_url, text

# On the disk of the project, not in the temporary folder: that may be memory, where a flush to disk costs nothing.
FOLDER = Path(__file__).parent.parent / "build"


class Databases(ABC):
    """One kind of database; hands out empty ones."""

    @abstractmethod
    def create(self) -> str:
        """A new, empty database; returns the address that the savers open."""

    @abstractmethod
    def size(self, address: str) -> int:
        """Bytes that the tables and their indexes take."""

    @abstractmethod
    def drop(self, address: str) -> None:
        """Remove the database and all that is in it."""

    @abstractmethod
    def facts(self) -> str:
        """Version and the settings on which durability rests, in one line."""


class Nowhere(Databases):
    """Memory of the process."""

    def create(self) -> str:
        return ""

    def size(self, address: str) -> int:  # noqa: ARG002  # nothing to measure
        return 0

    def drop(self, address: str) -> None:
        pass

    def facts(self) -> str:
        return "in memory: nothing is durable"


class SQLiteFiles(Databases):
    """Files; the write-ahead log is emptied into the file before its size is taken, for every peer alike."""

    def create(self) -> str:
        FOLDER.mkdir(exist_ok=True)
        return str(Path(tempfile.mkdtemp(prefix="bench-", dir=FOLDER)) / "bench.db")

    def size(self, address: str) -> int:
        with sqlite3.connect(address) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return sum(file.stat().st_size for file in Path(address).parent.iterdir())

    def drop(self, address: str) -> None:
        for file in Path(address).parent.iterdir():
            file.unlink()
        Path(address).parent.rmdir()

    def facts(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}: journal_mode=WAL, synchronous=FULL, set for every peer"


class Server(Databases):
    """Databases of our own on a server, reached by the address of one that exists."""

    driver: str
    size_query: str
    drop_statement: str
    settings: dict[str, str]

    def __init__(self, variable: str, default: str) -> None:
        self._url = make_url(os.environ.get(variable, default))

    def create(self) -> str:
        name = f"bench_{secrets.token_hex(4)}"
        self._run(f"CREATE DATABASE {name}")
        return self._url.set(database=name).render_as_string(hide_password=False)

    def size(self, address: str) -> int:
        name = make_url(address).database
        return int(self._run(self.size_query.format(name=name), name)[0][0] or 0)

    def drop(self, address: str) -> None:
        self._run(self.drop_statement.format(name=make_url(address).database))

    def facts(self) -> str:
        found = {label: self._run(query)[0][0] for label, query in self.settings.items()}
        return ", ".join(f"{label}{value}" for label, value in found.items())

    def _run(self, statement: str, database: str | None = None) -> list[Any]:
        url = self._url.set(drivername=self.driver, database=database or self._url.database)
        with create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
            result = connection.execute(text(statement))
            return list(result) if result.returns_rows else []


class PostgreSQL(Server):
    """Sizes with indexes and out-of-line values."""

    driver = "postgresql+psycopg"
    size_query = "SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables"
    drop_statement = "DROP DATABASE {name} WITH (FORCE)"
    settings = {  # noqa: RUF012  # read only
        "PostgreSQL ": "SHOW server_version",
        "fsync=": "SHOW fsync",
        "synchronous_commit=": "SHOW synchronous_commit",
    }


class MariaDB(Server):
    """Sizes of the table files; the estimates in information_schema.tables can be far off."""

    driver = "mysql+pymysql"
    size_query = "SELECT sum(file_size) FROM information_schema.innodb_sys_tablespaces WHERE name LIKE '{name}/%'"
    drop_statement = "DROP DATABASE {name}"
    settings = {  # noqa: RUF012  # read only
        "": "SELECT version()",
        "innodb_flush_log_at_trx_commit=": "SELECT @@innodb_flush_log_at_trx_commit",
        "log_bin=": "SELECT @@log_bin",
        "sync_binlog=": "SELECT @@sync_binlog",
    }


NOWHERE = Nowhere()
SQLITE = SQLiteFiles()
POSTGRESQL = PostgreSQL("THREADLOOM_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/test")
MARIADB = MariaDB("THREADLOOM_TEST_MARIADB_URL", "mysql://root@127.0.0.1:3306/test")

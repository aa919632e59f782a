"""Databases to read from, each with the same small shop in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, make_url

from tests.services import database

KINDS = ("sqlite", "postgresql", "mariadb")
SECRET = "the-secret-in-a-file"

_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
_SHOP = (
    "CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL, joined DATE, balance DECIMAL(10, 2))",
    "CREATE TABLE orders (id INT PRIMARY KEY, customer INT, note TEXT, "
    "FOREIGN KEY (customer) REFERENCES customers (id))",
    "INSERT INTO customers VALUES (1, 'Ann', '2020-01-02', 10.50), (2, 'Böb', '2021-01-02', 20.25)",
    "INSERT INTO orders VALUES (1, 1, 'it''s paid'), (2, 1, NULL), (3, 2, 'late')",
    "CREATE VIEW rich AS SELECT id, name FROM customers WHERE balance > 15",
)
_MORE = {
    "sqlite": (
        'CREATE TABLE loose (anything, "odd name" TEXT)',
        "CREATE VIRTUAL TABLE notes USING fts5 (note)",
        "INSERT INTO notes VALUES ('hello world')",
    ),
    "postgresql": (
        "CREATE SEQUENCE numbers",
        "CREATE SCHEMA archive",
        "CREATE TABLE archive.old (id INT)",
        "CREATE FUNCTION touch() RETURNS INT LANGUAGE sql AS 'DELETE FROM orders; SELECT 1'",
    ),
    "mariadb": (
        "CREATE SEQUENCE numbers",
        "CREATE FUNCTION touch() RETURNS INT MODIFIES SQL DATA RETURN 1",
    ),
}


@contextmanager
def shop(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a shop's database on this kind of server."""
    if kind == "sqlite":
        url = make_url("sqlite://").set(database=str(folder / "shop #%41.db")).render_as_string()
        _fill(kind, url)
        yield url
        return
    with database(kind) as url:
        _fill(kind, url)
        yield url


def _fill(kind: str, url: str) -> None:
    engine = writer(url)
    with engine.begin() as connection:
        for statement in _SHOP + _MORE[kind]:
            connection.exec_driver_sql(statement)
    engine.dispose()


def writer(url: str) -> Engine:
    """An engine that may do everything, as the server's administrator."""
    parsed = make_url(url)
    return create_engine(parsed.set(drivername=_DRIVERS[parsed.get_backend_name()]))


def everything(engine: Engine) -> dict[str, Any]:
    """All that the shop holds, and what else a query could leave behind."""
    with engine.connect() as connection:
        run = connection.exec_driver_sql
        held: dict[str, Any] = {
            table: run(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in ("customers", "orders")
        }
        if engine.dialect.name == "sqlite":
            held["schema"] = run("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
        else:
            where = "table_schema NOT IN ('pg_catalog', 'information_schema', 'mysql', 'performance_schema', 'sys')"
            if engine.dialect.name == "mysql":
                where = "table_schema = database()"
            held["schema"] = run(
                f"SELECT table_schema, table_name FROM information_schema.tables WHERE {where} ORDER BY 1, 2"
            ).fetchall()
        if engine.dialect.name == "postgresql":
            held["numbers"] = run("SELECT last_value, is_called FROM numbers").fetchall()
            held["large"] = run("SELECT count(*) FROM pg_largeobject_metadata").fetchall()
            held["locks"] = run(
                "SELECT count(*) FROM pg_locks, pg_database d WHERE locktype = 'advisory' AND database = d.oid "
                "AND d.datname = current_database()"
            ).fetchall()
        if engine.dialect.name == "mysql":
            held["numbers"] = run("SELECT next_not_cached_value FROM numbers").fetchall()
    return held

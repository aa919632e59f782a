"""The database servers that tests use: a new database on each, dropped afterwards.

A server that does not answer skips the test; with THREADLOOM_REQUIRE_SERVICES=1 it fails. Other servers than those of
this machine are named by THREADLOOM_TEST_POSTGRES_URL and THREADLOOM_TEST_MARIADB_URL.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import NoReturn
from uuid import uuid4

import pytest
from sqlalchemy import URL, Engine, NullPool, create_engine, inspect, make_url
from sqlalchemy.exc import OperationalError

from threadloom.checkpoints.tables import Tables

SERVERS = {
    "postgresql": ("THREADLOOM_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/test", "psycopg"),
    "mariadb": ("THREADLOOM_TEST_MARIADB_URL", "mysql://root@127.0.0.1:3306/test", "pymysql"),
}
_CREATE = {"postgresql": "CREATE DATABASE {} TEMPLATE template0", "mariadb": "CREATE DATABASE {}"}
_DROP = {"postgresql": "DROP DATABASE {} WITH (FORCE)", "mariadb": "DROP DATABASE {}"}


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The URL of a new database on this server."""
    admin = administrator(kind)
    name = f"threadloom_test_{uuid4().hex}"
    with admin.connect() as connection:
        connection.exec_driver_sql(_CREATE[kind].format(name))
    try:
        yield _server(kind).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(_DROP[kind].format(name))


def execute(url: str, statement: str) -> None:
    """Run one statement in a database on PostgreSQL."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def emptied(kind: str, url: str) -> str:
    """The same URL of a database on this server, its tables emptied: quicker than to make them anew."""
    engine = create_engine(make_url(url).set(drivername=_driver(kind)), poolclass=NullPool)
    with engine.begin() as connection:
        for table in inspect(connection).get_table_names():
            if table != Tables().schema.name:
                connection.exec_driver_sql(f"DELETE FROM {table}")
    return url


@cache
def administrator(kind: str) -> Engine:
    """An engine on the server itself, every statement for its own."""
    url = _server(kind).set(drivername=_driver(kind))
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        engine.connect().close()
    except OperationalError as exc:
        miss(f"{kind} does not answer at {url.render_as_string()} ({exc.orig}); see {SERVERS[kind][0]}")
    return engine


def _driver(kind: str) -> str:
    return f"{_server(kind).get_backend_name()}+{SERVERS[kind][2]}"


def _server(kind: str) -> URL:
    variable, default, _ = SERVERS[kind]
    return make_url(os.environ.get(variable, default))


def miss(reason: str) -> NoReturn:
    """Skip a test for want of a service, or fail it where services are required."""
    if os.environ.get("THREADLOOM_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)

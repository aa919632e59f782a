"""Reading databases: the same answers on every kind, and nothing but reading whatever a model writes."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from tests.tools.databases import KINDS, SECRET, everything, shop, writer
from tests.tools.hostile_sql import FILE, hostile_sql
from tests.tools.suite import Subject
from threadloom.nodes.rows import by_words
from threadloom.tools.database.errors import DatabaseReadError
from threadloom.tools.database.reader import Database
from threadloom.tools.database.schema import describe
from threadloom.tools.database.tool import database_tools


@pytest.fixture(scope="module", params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with shop(request.param, tmp_path_factory.mktemp("shop")) as address:
        yield address


@pytest.fixture(scope="module")
def database(url: str) -> Database:
    return Database(url, seconds=2)


@pytest.fixture(scope="module")
def admin(url: str) -> Iterator[Engine]:
    engine = writer(url)
    yield engine
    engine.dispose()


def refusal(database: Database, sql: str) -> str:
    with pytest.raises(DatabaseReadError) as caught:
        database.query(sql)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


def test_without_a_model_orders_are_read_with_their_customers(database: Database) -> None:
    found = {one.table.rpartition(".")[2]: one.text for one in by_words("How many orders has Böb?", database)}
    assert "orders, 1 of 3 rows:" in found["orders"]
    assert 'name of customer: "Böb"' in found["orders"]


QUESTIONS = [
    ("SELECT name FROM customers WHERE name LIKE '%n%'", [["Ann"]]),
    ("SELECT id, name FROM rich", [[2, "Böb"]]),
    ("SELECT COUNT(*), SUM(id) FROM orders", [[3, 6]]),
    ("SELECT name, COUNT(o.id) FROM customers c JOIN orders o ON o.customer = c.id GROUP BY name ORDER BY 2",
     [["Böb", 1], ["Ann", 2]]),
    ("SELECT note FROM orders ORDER BY id LIMIT 1", [["it's paid"]]),
    ("SELECT id FROM orders ORDER BY id LIMIT 1 OFFSET 2", [[3]]),
    ("WITH x AS (SELECT * FROM orders WHERE note LIKE '%paid') SELECT id FROM x -- a comment; DROP TABLE x", [[1]]),
    ("SELECT 1 AS n UNION ALL SELECT 2 ORDER BY n DESC", [[2], [1]]),
    ("SELECT id, ROW_NUMBER() OVER (ORDER BY id DESC) FROM customers ORDER BY id", [[1, 2], [2, 1]]),
    ("SELECT CASE WHEN id IN (SELECT customer FROM orders) THEN 'yes' END FROM customers WHERE id = 1", [["yes"]]),
    ("SELECT COALESCE(note, 'none'), UPPER('a'), CAST('7' AS DECIMAL(3)) FROM orders WHERE id = 2", [["none", "A", 7]]),
    ("SELECT 'a''b', 'c\"d', '100%', '/* -- */'", [["a'b", 'c"d', "100%", "/* -- */"]]),
    ("(SELECT id FROM customers WHERE id = 2)", [[2]]),
    ("SELECT NULL", [[None]]),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "rows"), QUESTIONS)
def test_every_kind_answers_alike(database: Database, sql: str, rows: list[list[Any]]) -> None:
    if sql.startswith("(") and database.dialect.engine.dialect.name == "sqlite":
        pytest.skip("no SQL of SQLite")
    assert database.query(sql)["rows"] == rows


def test_no_more_rows_than_asked_for(database: Database) -> None:
    found = database.query("SELECT a.id FROM orders a, orders b, orders c ORDER BY a.id LIMIT 1000000", 2)
    assert (found["rows"], found["more"]) == ([[1], [1]], True)
    assert database.query("SELECT id FROM orders ORDER BY id", 3)["more"] is False


def test_an_endless_query_is_ended(url: str) -> None:
    times = ", ".join(f"(SELECT a.id FROM orders a, orders b, orders c) t{n}" for n in range(12))
    message = refusal(Database(url, seconds=0.2), f"SELECT SUM(t0.id) FROM {times}")
    assert message == "the database gave no answer: not within 0.2 s; ask for less"


def test_nothing_but_reading(
    database: Database, admin: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "secret"
    file.write_text(SECRET)
    tmp_path.chmod(0o777)
    before = everything(admin)
    for sql in ["", *hostile_sql(database.dialect.engine.dialect.name)]:
        if "\\'; DELETE" in sql and database.dialect.engine.dialect.name == "mysql":
            assert database.query(sql)["rows"] == [["a'; DELETE FROM orders; -- "]]
            continue
        assert SECRET not in refusal(database, sql.replace(FILE, str(file))), sql
    assert everything(admin) == before
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_the_database_itself_refuses_what_the_list_would_let_through(database: Database, admin: Engine) -> None:
    """The transaction, or the file, is read-only whether or not the SQL was looked at."""
    before = everything(admin)
    for sql in ("DELETE FROM orders", "INSERT INTO orders VALUES (9, 1, 'x')", "CREATE TABLE x (a INT)"):
        with database.dialect.reading(2) as connection, pytest.raises(DBAPIError):
            connection.exec_driver_sql(sql)
    if admin.dialect.name == "sqlite":  # without the authorizer the file is still opened for reading only
        with pytest.raises(OperationalError, match="readonly"), database.dialect.engine.connect() as connection:
            connection.exec_driver_sql("DELETE FROM orders")
    assert everything(admin) == before


_WORDS = r"""
SELECT FROM orders customers WHERE 1 ' " ` \ -- # /* */ /*! /*!50000 ; ( ) , = $$ $x$ E' N' x'41' é UNION INTO
OUTFILE 'x' COMMIT touch() nextval('numbers') NEXTVAL(numbers) pg_sleep(9) SLEEP(9) @x := @@version AS WITH
LIMIT note id * :: regclass ? %s % { } LATERAL VALUES EXPLAIN BEGIN
"""
_PHRASES = [
    "DELETE FROM orders",
    "DROP TABLE orders",
    "INSERT INTO orders VALUES (9,1,'x')",
    "SET TRANSACTION READ WRITE",
    "FOR UPDATE",
    "RETURNING *",
    "ATTACH 'y.db' AS y",
    "PRAGMA user_version = 7",
]
FRAGMENTS = [*_WORDS.split(), *_PHRASES, "\0", "\n"]


@given(st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=14), st.sampled_from(["", " "]))
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_scrambled_sql_changes_nothing(database: Database, admin: Engine, parts: list[str], glue: str) -> None:
    before = everything(admin)
    try:
        found = database.query(glue.join(parts), 5)
    except DatabaseReadError:
        return
    finally:
        assert everything(admin) == before
    assert len(found["rows"]) <= 5


@given(st.text(max_size=60))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_string_is_a_string(database: Database, value: str) -> None:
    """What is quoted by the rules of SQL comes back as it was, or is refused: it never becomes SQL."""
    quoted = value.replace("'", "''")
    if database.dialect.engine.dialect.name == "mysql":
        quoted = quoted.replace("\\", "\\\\")
    try:
        found = database.query(f"SELECT COUNT(*) FROM orders WHERE '{quoted}' = '{quoted}'")
    except DatabaseReadError:
        return
    assert found["rows"] == [[3]]


def test_description(database: Database) -> None:
    told = describe(database, ["orders", "rich"])
    assert told.startswith("table orders\n  id INT")
    assert "customer INTEGER -> customers.id" in told.replace("INT ", "INTEGER ")
    assert '[1, 1, "it\'s paid"]' in told
    assert "view rich\n" in told
    with pytest.raises(DatabaseReadError, match=r"^no table order; there are: .*customers, .*rich"):
        describe(database, ["order"])


def test_a_description_is_bounded(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "wide.db") as connection:
        for table in range(40):
            connection.execute(f"CREATE TABLE t{table} ({', '.join(f'c{n} TEXT' for n in range(300))})")
        connection.execute('CREATE TABLE "ignore\nall; --" ("say ""yes""" TEXT)')
        connection.execute("INSERT INTO t0 (c0) VALUES (?)", ("long " * 10_000,))
    connection.close()
    wide = Database(f"sqlite:///{tmp_path}/wide.db")
    assert describe(wide).startswith("41 tables; ask again with the names of up to 10: ")
    told = describe(wide, ["t0", "ignore\nall; --"])
    assert "… and 240 more columns" in told
    assert len(told) < 3_000
    assert "table ignore all; --\n" in told


def test_other_schemas_and_virtual_tables_are_read(database: Database) -> None:
    kind = database.dialect.engine.dialect.name
    if kind == "postgresql":
        assert "table archive.old\n" in describe(database)
        assert database.query("SELECT * FROM archive.old")["rows"] == []
    if kind == "sqlite":
        assert database.query("SELECT note FROM notes WHERE notes MATCH 'hello' ORDER BY rank")["rows"] == [
            ["hello world"]
        ]
        assert database.query("SELECT value FROM json_each('[1, 2]')")["rows"] == [[1], [2]]


def test_values_are_plain_and_bounded(database: Database, admin: Engine) -> None:
    found = database.query("SELECT joined, balance FROM customers WHERE id = 1")
    assert found["rows"] == [["2020-01-02", 10.5 if database.dialect.engine.dialect.name == "sqlite" else "10.50"]]
    with admin.begin() as connection:
        connection.exec_driver_sql("INSERT INTO orders VALUES (9, NULL, '" + "a\u202e" * 5_000 + "')")
    (value,) = database.query("SELECT note FROM orders WHERE id = 9")["rows"][0]
    with admin.begin() as connection:
        connection.exec_driver_sql("DELETE FROM orders WHERE id = 9")
    assert value == "a" * 499 + "…"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "not a database URL; one looks like sqlite:///file.db"),
        ("sqlite://", "there is no SQLite database at (memory)"),
        ("sqlite:///nowhere.db", "there is no SQLite database at nowhere.db"),
        ("oracle://host/x", "oracle cannot be opened for reading only; sqlite, postgresql, mysql, mariadb can"),
        ("mysql://host", "the address of a MariaDB or MySQL database needs its name: mysql://host/NAME"),
    ],
)
def test_what_cannot_be_opened_is_said(url: str, said: str) -> None:
    with pytest.raises(DatabaseReadError) as caught:
        Database(url)
    assert str(caught.value) == said


def test_a_server_that_is_gone_is_one_line(tmp_path: Path) -> None:
    assert "refused" in refusal(Database("postgresql://u:secret@127.0.0.1:1/x"), "SELECT 1")
    assert "secret" not in refusal(Database("mysql://u:secret@127.0.0.1:1/x"), "SELECT 1")
    (tmp_path / "no.db").write_text("this is no database, but it is long enough to look at" * 20)
    assert refusal(Database(f"sqlite:///{tmp_path}/no.db"), "SELECT 1 FROM x").endswith("file is not a database")


class Suite(Subject):
    @pytest.fixture(autouse=True, params=["describe", "query"])
    def make(self, request: pytest.FixtureRequest, database: Database) -> None:
        describing, querying = database_tools(database)
        asked = (describing, {"tables": ["orders"]}), (querying, {"sql": "SELECT 1"})
        self.made = asked[request.param == "query"]


class TestUnit(Suite, ToolsUnitTests):
    pass


class TestIntegration(Suite, ToolsIntegrationTests):
    pass


async def test_what_a_model_is_shown(database: Database) -> None:
    describing, querying = database_tools(database, "shop", "Orders of a small shop.")
    assert (describing.name, querying.name) == ("describe_shop", "query_shop")
    assert querying.description.endswith("Orders of a small shop.")
    call = {
        "name": "x",
        "args": {"sql": "SELECT id FROM orders ORDER BY id", "limit": 2},
        "id": "1",
        "type": "tool_call",
    }
    message = querying.invoke(call)
    assert (await querying.ainvoke(call)).content == message.content
    lines = message.content.split("\n")
    assert [json.loads(line) for line in lines[:3]] == [["id"], [1], [2]]
    assert lines[3].startswith("[only 2 rows shown, there are more")
    assert message.artifact == {"columns": ["id"], "rows": [[1], [2]], "more": True}
    failed = querying.invoke({**call, "args": {"sql": "DELETE FROM orders"}})
    assert failed.status == "error"
    assert querying.invoke({**call, "args": {"sql": "SELECT 1", "limit": 10**9}}).content.startswith(
        "bad arguments: limit"
    )
    with pytest.raises(ValueError, match="the name of a database"):
        database_tools(database, "My Shop")

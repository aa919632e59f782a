"""The ready fan-out, a briefing, and what budgets leave the branches of any."""

import sqlite3
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from langgraph.types import Command, interrupt

from tests.graphs.agents import THREAD, entry, models
from tests.graphs.fan_out import LONG, QUESTION, Ask, hanging, says, whys
from tests.servers.openai_server import OpenAIServer, Reply, error, structured
from threadloom.checkpoints import SQLSaver
from threadloom.graphs.parallel import build
from threadloom.models.roles import Models
from threadloom.nodes import briefing
from threadloom.nodes.branch import Branch, Found
from threadloom.nodes.rows import by_words
from threadloom.state.usage import Usage
from threadloom.tools.calendar.diary import Diary
from threadloom.tools.database.reader import Database


@pytest.fixture
def office(tmp_path: Path) -> tuple[Database, Diary]:
    with sqlite3.connect(tmp_path / "office.db") as db:
        db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT, state TEXT)")
        db.execute("INSERT INTO orders VALUES (1, 'green tea', 'late')")
        db.execute("CREATE TABLE staff (name TEXT)")
    db.close()
    (tmp_path / "work.ics").write_text(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:Standup\nDTSTART:20260302T090000Z\n"
        "DURATION:PT30M\nRRULE:FREQ=WEEKLY;BYDAY=MO,WE\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    return Database(f"sqlite:///{tmp_path}/office.db"), Diary({"work": str(tmp_path / "work.ics")})


def office_branches(office: tuple[Database, Diary], known: Models) -> list[Branch]:
    database, diary = office
    return [
        briefing.database(lambda: database, lambda: known),
        briefing.calendar(lambda: diary, lambda: known, today=lambda: date(2026, 3, 29)),
    ]


def test_a_briefing_without_a_model_picks_table_and_days_by_words(office: Any, ask: Ask) -> None:
    state = ask(
        *office_branches(office, Models()), given={"question": "Which orders are late, and what is on tomorrow?"}
    )
    assert state["parts"]["database"]["text"] == 'orders, 1 of 1 rows:\nid: 1, item: "green tea", state: "late"'
    assert state["parts"]["database"]["sources"] == ['SELECT * FROM "orders"']
    assert state["parts"]["calendar"]["text"] == (
        "2026-03-30 to 2026-03-30, UTC: 1 events\n2026-03-30 09:00 to 2026-03-30 09:30: Standup (work)"
    )
    assert set(state["notes"]) == {"database", "calendar"}


def test_a_question_for_time_is_answered_with_what_is_free(office: Any, ask: Ask) -> None:
    state = ask(office_branches(office, Models())[1], given={"question": "When is a free hour tomorrow?"})
    assert state["parts"]["calendar"]["text"] == (
        "Free on working days, 09:00 to 17:00: 1 times\n2026-03-30 09:30 to 17:00\n"
        "2026-03-30 to 2026-03-30, UTC: 1 events\n2026-03-30 09:00 to 2026-03-30 09:30: Standup (work)"
    )


def test_a_day_that_no_calendar_has_is_not_taken_for_the_coming_ones(office: Any, ask: Ask) -> None:
    state = ask(office_branches(office, Models())[1], given={"question": "Do I have anything on February 30?"})
    assert state["parts"]["calendar"]["text"] == "There is no such day: February 30."


def test_without_a_model_the_rows_of_all_tables_that_fit_are_picked(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "tea.db") as db:
        for number in range(20):
            db.execute(f"CREATE TABLE archive_{number} (x TEXT)")
        db.execute("CREATE TABLE orders (item TEXT, state TEXT)")
        db.executemany("INSERT INTO orders VALUES (?, ?)", [("tea", "late"), ("cups", "sent"), ("milk", "late")])
        db.execute("CREATE TABLE customer_orders (customer TEXT)")
        db.execute("INSERT INTO customer_orders VALUES ('Ann')")
    db.close()
    known = Database(f"sqlite:///{tmp_path}/tea.db")
    found = {one.table: one.text for one in by_words("Which orders of customers are late?", known)}
    assert found == {
        "orders": 'orders, 2 of 3 rows:\nitem: "tea", state: "late"\nitem: "milk", state: "late"',
        "customer_orders": 'customer_orders, 1 of 1 rows:\ncustomer: "Ann"',
    }
    assert by_words("Is it raining in Oslo?", known) == []


def test_without_a_model_tables_are_joined_by_their_keys(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "tea.db") as db:
        db.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)")
        db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, person INTEGER REFERENCES people (id), price REAL)")
        db.execute("INSERT INTO people VALUES (1, 'Ann'), (2, 'Bob')")
        db.execute("INSERT INTO orders VALUES (1, 1, 3.5), (2, 1, 4), (3, 2, 100)")
    db.close()
    found = by_words("How much did Ann spend?", Database(f"sqlite:///{tmp_path}/tea.db"))
    assert [one.table for one in found] == ["people", "orders"]
    assert found[1].text.startswith("orders, 2 of 3 rows:\nprice: 7.5 in total")
    assert "Bob" not in found[1].text


def test_a_briefing_with_a_model_asks_what_it_words(office: Any, server: OpenAIServer, ask: Ask) -> None:
    def scenario(body: dict[str, Any]) -> Any:
        said = str(body["messages"])
        if "Write one SELECT" in said:
            return structured(body, {"sql": "SELECT count(*) AS n FROM orders"})
        if "Which days" in said:
            return structured(body, {"start": "2026-04-01", "end": "2026-04-01"})
        return Reply("One order [database], a standup [calendar].")

    server.scenario = scenario
    known = models(server)
    state = ask(*office_branches(office, known), models=known)
    assert state["parts"]["database"]["text"] == "n: 1"
    assert "2026-04-01 09:00" in state["parts"]["calendar"]["text"]
    assert state["answer"] == "One order [database], a standup [calendar]."
    assert state["usage"]["m"]["calls"] == 3


def test_a_model_cannot_write_to_the_database(office: Any, server: OpenAIServer, ask: Ask) -> None:
    server.scenario = lambda body: (
        structured(body, {"sql": "DELETE FROM orders", "start": "2026-04-01", "end": "2026-04-01"})
        if "SELECT" in str(body["messages"])
        else Reply("x")
    )
    state = ask(office_branches(office, models(server))[0])
    assert whys(state) == {"database": "failed"}
    assert office[0].query("SELECT count(*) FROM orders")["rows"] == [[1]]


def test_the_ready_graph_says_what_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADLOOM_WEB_SEARCH", "off")
    state = build(models=Models()).compile().invoke(QUESTION)
    assert set(whys(state).values()) == {"not available"}
    assert state["answer"].startswith("No source had an answer.\n\nMissing:\n- web: not available (web search")
    assert "it needs THREADLOOM_READ_DATABASE" in state["answer"]


ORDERS: Any = {"question": "Which orders are late, and what is on tomorrow?"}


def words(body: dict[str, Any]) -> Any:
    """A worker who words a query and picks days, and a writer."""
    asked = body["messages"][0]["content"]
    if asked.startswith("Write one SELECT"):
        return structured(body, {"sql": "SELECT item FROM orders"})
    if asked.startswith("Which days"):
        return structured(body, {"start": "2026-03-30", "end": "2026-03-30"})
    return Reply("Tea is late [database].")


@pytest.mark.parametrize("misfits", [False, True])
def test_no_budget_of_calls_is_ever_exceeded(server: OpenAIServer, office: Any, misfits: bool) -> None:
    server.scenario = (lambda _: Reply("No idea.")) if misfits else words
    branches = [*office_branches(office, models(server)), says("c")]
    graph = build(branches=branches, models=models(server)).compile()
    for calls in range(7):
        server.requests.clear()
        state = graph.invoke({**ORDERS, "budget": {"model_calls": calls}})
        assert len(server.requests) <= calls
        assert state["usage"].get("m", {"calls": 0})["calls"] == len(server.requests) == state["work"]["steps"]
        assert set(state["parts"]) == {"database", "calendar", "c"}, "what a model cannot be asked is found by words"
        assert ("the budget left no model calls for it" in str(state["notes"])) == (calls < 3)
        assert misfits or len(state["choices"]) == len(server.requests)
        assert state["finished_at"]


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"tokens": 30}, "the budget left no tokens for it"),
        ({"usd": 0.0001}, "the budget left no USD for it"),
        ({"steps": 2}, "the budget left no steps for it"),
    ],
)
def test_every_limit_holds(server: OpenAIServer, office: Any, ask: Ask, limit: Any, said: str) -> None:
    server.scenario = words
    known = models(server)
    state = ask(*office_branches(office, known), says("c"), given={**ORDERS, "budget": limit}, models=known)
    assert len(server.requests) <= 3
    assert said in str([state["notes"], state["missing"]])
    assert set(state["parts"]) == {"database", "calendar", "c"}
    assert state["answer"]
    assert state["finished_at"]


def test_no_branch_is_waited_for_beyond_the_budgets_seconds(ask: Ask) -> None:
    told = Event()
    state = ask(hanging("a", told), budget={"seconds": 0.2})
    assert (state["missing"]["a"]["why"], state["missing"]["a"]["reason"]) == ("timed out", "no answer within 0.18 s")
    assert told.wait(LONG)


def asking(name: str, told: dict[str, Any]) -> Branch:
    """Asks models, and tells what it may spend."""

    def work(question: str, stop: Event, budget: Any) -> str:
        told[name] = budget
        return name

    return Branch(name, work, role="worker")


def test_shares_are_of_branches_that_ask_and_of_what_the_answer_leaves() -> None:
    told: dict[str, Any] = {}
    options: Any = {"branches": [asking("a", told), asking("b", told), says("c")], "models": Models()}
    graph = build(**options, budget={"model_calls": 5, "tokens": 1_000, "seconds": 10}).compile()
    graph.invoke({**QUESTION, "budget": {"model_calls": 6, "usd": 1.0}})
    assert told["a"] == told["b"] == {"model_calls": 2, "tokens": 450, "usd": 0.45, "seconds": 9.0}
    build(**options, compose=lambda question, parts, conflicts: "").compile().invoke(
        {**QUESTION, "budget": {"steps": 4}}
    )
    assert told["a"] == {"steps": 2}, "an answer that no model of ours writes needs none"
    build(**options).compile().invoke(QUESTION)
    assert told["a"] == {}


def test_few_calls_for_many_branches_are_not_none_for_all() -> None:
    told: dict[str, Any] = {}
    branches = [asking(name, told) for name in "abc"]
    build(branches=branches, models=Models(), budget={"model_calls": 3, "steps": 9}).compile().invoke(QUESTION)
    assert told == {
        "a": {"steps": 3, "model_calls": 1},
        "b": {"steps": 3, "model_calls": 1},
        "c": {"steps": 2, "model_calls": 0},
    }


def test_a_resume_goes_on_with_the_budget(saver: SQLSaver) -> None:
    asked: list[Any] = []

    def pays(question: str, stop: Event, budget: Any) -> Found:
        asked.append(budget)
        used = Usage(calls=1, input_tokens=1, output_tokens=1, cost_usd=0.0)
        return Found("paid", usage={"m": used}) if interrupt("Pay?") else Found("")

    branches = [Branch("a", pays, role="worker"), Branch("b", pays, role="worker")]
    flow = build(branches=branches, models=Models(), budget={"model_calls": 5}).compile(checkpointer=saver)
    paused = flow.invoke(QUESTION, THREAD)
    state = flow.invoke(Command(resume={one.id: True for one in paused["__interrupt__"]}), THREAD)
    assert asked == [{"model_calls": 2}] * 4
    assert (state["usage"]["m"]["calls"], state["work"]["steps"]) == (2, 2)
    again = build(branches=[says("a")], models=Models()).compile(checkpointer=saver).invoke(QUESTION, THREAD)
    assert (again["limits"], again["work"]["steps"], again["usage"], again["choices"]) == ({}, 0, {}, [])


def test_a_price_that_is_not_known_is_said_before_a_limit_in_dollars(server: OpenAIServer, ask: Ask) -> None:
    known = models(server, input_price=None)
    with pytest.raises(ValueError, match="budget: usd cannot be kept, the price of m is not known"):
        build(branches=[says("a")], models=known, budget={"usd": 1})
    with pytest.raises(ValueError, match="budget: usd cannot be kept, the price of m is not known"):
        ask(says("a"), models=known, given={**QUESTION, "budget": {"usd": 1}})


@pytest.mark.parametrize("answer", ["SELECT item FROM nowhere", "DROP TABLE orders", ""])
def test_what_a_branch_asked_in_vain_is_counted(server: OpenAIServer, office: Any, ask: Ask, answer: str) -> None:
    server.scenario = lambda body: structured(body, {"sql": answer}) if answer else Reply("No idea.")
    known = models(server)
    state = ask(office_branches(office, known)[0], given=ORDERS, compose=lambda question, parts, conflicts: "")
    assert (whys(state) == {"database": "failed"}) == bool(answer)
    assert state["usage"]["m"]["calls"] == len(server.requests) == (1 if answer else 2)
    assert [one["node"] for one in state["choices"]] == (["database"] if answer else [])


def test_a_choice_says_who_was_asked_before_in_vain(server: OpenAIServer, ask: Ask) -> None:
    with OpenAIServer() as second:
        server.reply(error(503))
        second.reply(Reply("All is well [a]."))
        entries = {"a": entry(server, "a"), "b": entry(second, "b")}
        state = ask(says("a"), models=Models(entries, {"default": ("a", "b")}))
    [choice] = state["choices"]
    assert (choice["role"], choice["model"]) == ("writer", "b")
    assert choice["reason"].startswith("the role of this node; a did not answer (")

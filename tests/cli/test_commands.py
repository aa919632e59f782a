"""The other commands: what they print, as text and as JSON."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from langgraph.graph import START, MessagesState, StateGraph

from tests.cli.conftest import Cli
from tests.servers.openai_server import OpenAIServer
from threadloom.checkpoints import SQLSaver
from threadloom.cli.app import app
from threadloom.tools.library.catalogue import bundled

QUESTION = "Do transformers need recurrence to translate well?"


def commands(group: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [path]
    for name, command in getattr(group, "commands", {}).items():
        found += commands(command, (*path, name))
    return found


@pytest.mark.parametrize("path", commands(typer.main.get_command(app)), ids=" ".join)
def test_every_command_explains_itself_with_an_example(cli: Cli, path: tuple[str, ...]) -> None:
    ended = cli(*path, "--help")
    assert ended.code == 0
    assert "threadloom" in ended.out.split("Example:" if path else "Begin with:")[1]


def test_threads_lists_newest_first_with_status_and_question(cli: Cli) -> None:
    cli("run", "research", QUESTION, "--thread", "one", "--json")
    cli("run", "research", "What does a black hole look like?", "--thread", "two", "--review", "--json")
    listed = json.loads(cli("threads", "--json").out)
    assert [(thread["id"], thread["status"]) for thread in listed] == [("two", "waiting"), ("one", "done")]
    text = cli("threads").out
    assert QUESTION in " ".join(text.split())
    assert "waiting" in text


def test_show_tells_the_steps_and_the_state_at_any_of_them(cli: Cli) -> None:
    cli("run", "research", QUESTION, "--thread", "one", "--json")
    shown = json.loads(cli("show", "one", "--json").out)
    assert shown["checkpoints"][0]["next"] == []
    ranked = next(step for step in shown["checkpoints"] if step["next"] == ["rank"])
    state = json.loads(cli("show", "one", "--at", ranked["id"], "--json").out)
    assert state["values"]["papers"]
    assert not state["values"]["verdicts"]
    text = cli("show", "one").out
    assert text.startswith(f"# {QUESTION}")
    assert ranked["id"] in text
    assert "papers" in cli("show", "one", "--at", ranked["id"]).out
    assert cli("show", "one", "--at", "nothing").code == 2


def test_show_of_a_waiting_thread_prints_its_question_and_how_to_answer(cli: Cli) -> None:
    cli("run", "research", QUESTION, "--thread", "one", "--review", "--json")
    ended = cli("show", "one")
    assert "Which papers should be read?" in ended.out
    assert "resume one --answer" in ended.err


def test_graph_is_drawn_in_each_form(cli: Cli, tmp_path: Path) -> None:
    assert "review_papers" in cli("graph", "research").out
    assert "| synthesise |" in cli("graph", "research", "--format", "ascii").out
    assert cli("graph", "research", "--format", "png", "--out", "g.png").code == 0
    assert (tmp_path / "g.png").read_bytes().startswith(b"\x89PNG")


def test_library_is_searched_listed_and_extended(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "tea.md").write_text("# Tea and rain\n\nTea tastes better when it rains outside.")
    assert json.loads(cli("library", "add", "tea.md", "--json").out)["added"] == ["Tea and rain"]
    assert "Tea and rain" in cli("library", "search", "tea rains").out
    assert len(json.loads(cli("library", "list", "--json").out)) == len(bundled()) + 1
    assert cli("library", "search", "zxqv").out == ""


def test_a_file_with_nothing_usable_in_it_is_an_error_that_names_the_entry(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('[{"year": 2020}]')
    ended = cli("library", "add", "bad.json")
    assert ended.code == 1
    assert "bad.json" in ended.out
    assert "title" in ended.out


def test_doctor_says_which_model_would_answer_and_shows_no_secret(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = {check["what"]: check for check in json.loads(cli("doctor", "--json").out)}
    assert checks["model: writer"]["says"] == "extractive, no language model"
    assert checks["source: library"]["ok"]
    assert not checks["database"]["ok"]
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert "THREADLOOM_MODEL" in cli("doctor").out
    monkeypatch.setenv("THREADLOOM_MODEL", "gpt-x")
    ended = cli("doctor")
    assert "gpt-x" in ended.out
    assert "sk-secret" not in ended.out


def test_doctor_says_who_would_search_the_web(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> tuple[bool, str]:
        checks = {check["what"]: check for check in json.loads(cli("doctor", "--json").out)}
        return checks["web search"]["ok"], checks["web search"]["says"]

    assert found() == (True, "ddgs (not asked)")
    monkeypatch.setenv("THREADLOOM_TAVILY_KEY", "tvly-secret")
    assert found() == (True, "Tavily (not asked)")
    monkeypatch.setenv("THREADLOOM_WEB_SEARCH", "searxng")
    assert found() == (False, "settings: web.web_search: searxng needs THREADLOOM_SEARXNG_URL")
    monkeypatch.setenv("THREADLOOM_WEB_SEARCH", "off")
    assert found() == (False, "web search is not available: it is switched off")


def test_wrong_settings_are_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "threadloom.toml").write_text('[run]\nstlye = "apa"\n')
    ended = cli("run", "research", QUESTION)
    assert (ended.code, len(ended.err.strip().splitlines())) == (2, 1)
    assert "stlye" in ended.err


def test_doctor_tries_the_model_endpoint(cli: Cli, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADLOOM_MODEL", "m")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)

    def endpoint() -> dict[str, object]:
        checks = {check["what"]: check for check in json.loads(cli("doctor", "--json").out)}
        return dict(checks["endpoint: m"])

    assert endpoint()["ok"]
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert not endpoint()["ok"]
    assert "cannot be reached" in str(endpoint()["says"])


def chat(path: Path) -> None:
    """A thread of a graph that is not ours, as the documentation of the saver makes one."""
    graph = StateGraph(MessagesState).add_node("n", lambda state: {"messages": [("ai", "hi")]}).add_edge(START, "n")
    with SQLSaver(f"sqlite:///{path}") as saver:
        config: Any = {"configurable": {"thread_id": "hello"}}
        given: Any = {"messages": [("user", "Hello?")]}
        graph.compile(checkpointer=saver).invoke(given, config)


def test_a_thread_of_another_graph_is_listed_and_shown_but_not_resumed(cli: Cli, tmp_path: Path) -> None:
    chat(tmp_path / "threadloom.db")
    cli("run", "research", QUESTION, "--thread", "ours", "--json")
    listed = {thread["id"]: thread["status"] for thread in json.loads(cli("threads", "--json").out)}
    assert listed == {"ours": "done", "hello": "foreign"}
    assert "not ours" in " ".join(cli("threads").out.split())
    shown = json.loads(cli("show", "hello", "--json").out)
    assert [step["step"] for step in shown["checkpoints"]] == [1, 0, -1]
    assert "messages" in cli("show", "hello", "--at", shown["checkpoints"][0]["id"]).out
    assert cli("resume", "hello").code == 2


def test_a_folder_that_cannot_be_written_is_found_out_before_the_work(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ended = cli("run", "research", QUESTION, "--out", "file")
    assert (ended.code, ended.out) == (2, "")
    assert "--out" in ended.err
    assert not (tmp_path / "threadloom.db").exists()


def test_show_writes_the_report_again(cli: Cli, tmp_path: Path) -> None:
    cli("run", "research", QUESTION, "--thread", "../a b", "--json")
    assert cli("show", "../a b", "--out", "again").code == 0
    [folder] = (tmp_path / "again").iterdir()
    assert (folder / "report.md").exists()


@pytest.mark.parametrize("name", ["THREADLOOM_DEADLINE", "THREADLOOM_DISABLED", "THREADLOOM_MODEL"])
def test_wrong_settings_make_no_thread(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "nonsense")
    assert cli("run", "research", QUESTION).code == 2
    assert not (tmp_path / "threadloom.db").exists()


def test_a_source_that_is_not_configured_is_named_before_the_work(cli: Cli, tmp_path: Path) -> None:
    ended = cli("run", "research", QUESTION, "--source", "pubmed")
    assert ended.code == 2
    assert "pubmed is not configured" in ended.err


def test_control_characters_do_not_reach_the_terminal(cli: Cli) -> None:
    cli("run", "research", f"{QUESTION} \x1b[31mred", "--thread", "t")
    assert "\x1b" not in cli("threads").out


def test_adding_goes_on_after_a_file_that_cannot_be_used(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# First\n\nText.")
    (tmp_path / "x.txt").write_text("no")
    (tmp_path / "b.md").write_text("# Second\n\nText.")
    ended = cli("library", "add", "x.txt", "a.md", "missing.bib", "b.md", "--json")
    report = json.loads(ended.out)
    assert (ended.code, report["added"], len(report["skipped"])) == (1, ["First", "Second"], 2)
    again = cli("library", "add", "a.md", "--json")
    assert (again.code, json.loads(again.out)["unchanged"]) == (0, ["First"])

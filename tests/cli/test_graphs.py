"""Every ready graph from the command line: listed, run, continued, asked; its inputs are those of its schema."""

import io
import json
import shlex
import subprocess
import sys
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.cli.conftest import Cli
from tests.servers.openai_server import OpenAIServer, Raw, Reply
from threadloom.catalogue import ENTRIES, GRAPHS, Entry
from threadloom.cli import progress, question
from threadloom.cli.form import fill
from threadloom.state.answers import ANSWERS

ASKING = Entry(
    name="asking",
    summary="Asks.",
    module="tests.cli.asking",
    example="none",
    text="kind",
    answer=itemgetter("answer"),
)
LOOKS = Reply(calls=(("search_library", {"query": "vaccines"}), ("search_library", {"query": "trials"})))


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GRAPHS, "asking", ASKING)


@pytest.fixture
def model(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> OpenAIServer:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("THREADLOOM_MODEL", "m")
    return server


class Terminal(io.StringIO):
    """Standard input on which a person types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_its_example_runs_without_a_key_and_is_shown_and_listed(cli: Cli, entry: Entry) -> None:
    ended = cli("run", entry.name, *shlex.split(entry.example), "--thread", "t", "--json")
    document = json.loads(ended.out)
    assert (ended.code, document["status"]) in {(0, "done"), (3, "waiting")}
    assert document["graph"] == entry.name
    [listed] = json.loads(cli("threads", "--json").out)
    assert (listed["graph"], listed["status"]) == (entry.name, document["status"])
    assert listed["question"] == document["question"] != ""
    assert json.loads(cli("show", "t", "--json").out)["answer"] == document["answer"]
    assert cli("show", "t").code == 0
    assert "Example: threadloom run" in cli("run", entry.name, "--help").out


def test_graphs_are_listed_with_what_they_can_be_given(cli: Cli) -> None:
    listed = {graph["name"]: graph for graph in json.loads(cli("graphs", "--json").out)}
    assert list(listed) == list(GRAPHS)
    taken = {one["name"]: one for one in listed["research"]["inputs"]}
    assert (taken["question"]["form"], taken["question"]["required"]) == ("text", True)
    assert (taken["style"]["default"], taken["review"]["form"], taken["sources"]["form"]) == ("apa", "flag", "list")
    text = cli("graphs").out
    assert all(name in text for name in GRAPHS)
    assert "--model-calls" in text


def test_help_comes_without_importing_what_graphs_need() -> None:
    heavy = ("langgraph", "langchain_core", "pydantic", "sqlalchemy")
    code = f"import sys, threadloom.cli.app; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_an_answer_goes_to_stdout_and_what_happens_to_stderr(cli: Cli, model: OpenAIServer, tmp_path: Path) -> None:
    model.reply(LOOKS, Reply("Both were *trials*."))
    ended = cli("run", "react", "Which trials?", "--thread", "t", "--out", "answers")
    assert (ended.code, ended.out) == (0, "Both were *trials*.\n")
    assert "calls search_library(query=vaccines), search_library(query=trials)" in ended.err
    assert ended.err.count("search_library: success") == 2
    assert "<em>trials</em>" in (tmp_path / "answers" / "t" / "report.html").read_text()
    again = cli("run", "react", "And which others?", "--thread", "t", "--json")
    assert json.loads(again.out)["question"] == "And which others?"
    assert next(m["content"] for m in model.requests[-1].body["messages"] if m["role"] == "user") == "Which trials?"
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(
    ("name", "typed", "told"),
    [
        ("supervisor", f"How do CRISPR guides find their target{' and cut it there' * 5}?", "searcher: done"),
        ("handoff", "The app crashes when I sync.", "triage → tier1"),
        ("parallel", "Which orders are late?", "calendar: not available (0.0 s) no calendar is set"),
        ("routing", "My card was declined!!", "billing: has an answer"),
        ("debate", "Does raising the minimum wage reduce employment?", "advocate by evidence"),
        ("debate", "Does raising the minimum wage reduce employment?", "sceptic: has an answer"),
        ("debate", "Does raising the minimum wage reduce employment?", "vote arbiter: no vote: judging takes a"),
    ],
)
def test_what_happens_is_told_in_lines_that_fit_the_screen(cli: Cli, name: str, typed: str, told: str) -> None:
    lines = cli("run", name, typed).err.splitlines()
    assert any(told in line for line in lines)
    assert max(map(len, lines)) <= 80


def test_a_briefing_that_has_nothing_to_ask_is_refused(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADLOOM_WEB_SEARCH", "off")
    ended = cli("run", "parallel", "Which orders are late?")
    assert (ended.code, ended.out) == (2, "")
    assert "there is nothing to ask: web search" in ended.err
    assert "THREADLOOM_READ_DATABASE" in ended.err
    assert "no database" in cli("threads").err


def test_why_a_handler_has_no_answer_is_told_once_and_in_the_question(cli: Cli) -> None:
    ended = cli("run", "routing", "Do you ship to Mars?")
    assert (ended.code, ended.err.count("the knowledge base says nothing on this")) == (3, 1)


def test_tokens_are_shown_at_a_terminal(cli: Cli, model: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=200)
    shown: list[str] = []
    monkeypatch.setattr(progress, "err", screen)
    monkeypatch.setattr("rich.status.Status.update", lambda _, text: shown.append(text))
    model.reply(Reply("One two three."))
    assert cli("run", "react", "Count.").out == "One two three.\n"
    assert "model  One two" in {text.strip() for text in shown}


def test_a_budget_is_kept_and_why_a_run_stopped_is_said(cli: Cli, model: OpenAIServer) -> None:
    model.reply(LOOKS)
    ended = cli("run", "react", "Which trials?", "--model-calls", "2", "--steps", "50", "--json")
    document = json.loads(ended.out)
    assert (ended.code, len(model.requests), document["state"]["limits"]["model_calls"]) == (0, 2, 2)
    assert "model calls" in document["stopped"]
    model.reply(LOOKS)
    assert "stopped  the budget of 2 model calls" in cli("run", "react", "Which?", "--model-calls", "2").err


def test_a_thread_of_another_graph_is_left_alone(cli: Cli) -> None:
    assert cli("run", "react", "Which trials tested mRNA vaccines?", "--thread", "t").code == 0
    ended = cli("run", "research", "Does the minimum wage cost jobs?", "--thread", "t")
    assert (ended.code, "thread t is of react" in ended.err) == (2, True)


def test_a_failed_run_is_resumed(cli: Cli, model: OpenAIServer) -> None:
    model.reply(LOOKS, Raw(b"{}", status=400))
    failed = cli("run", "react", "Which trials?", "--thread", "t")
    assert (failed.code, "resume t" in failed.err) == (1, True)
    model.reply(Reply("These."))
    model.requests.clear()
    assert cli("resume", "t").out == "These.\n"
    assert len(model.requests) == 1


def test_the_input_is_text_options_and_json_in_that_order(cli: Cli, asking: None, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"kind": "x", "most": 7, "tags": ["a"], "extra": {"one": 1}}')
    given = json.loads(cli("run", "asking", "--input", "@in.json").out)
    assert given == {"kind": "x", "tags": ["a"], "loud": True, "most": 7, "extra": {"one": 1}, "details": {}}
    words = ("none", "--input", "@in.json", "--no-loud", "--most", "9", "--tag", "b", "--tag", "c")
    given = json.loads(cli("run", "asking", *words).out)
    assert given | {"details": 0} == {
        "kind": "none", "tags": ["b", "c"], "loud": False, "most": 9, "extra": {"one": 1}, "details": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["none", "--input", "{"], "--input is not JSON"),
        (["none", "--input", "[]"], "--input is not a JSON object"),
        (["none", "--input", "@nothing"], "nothing cannot be read"),
        (["none", "--input", '{"kinds": 1}'], "takes no kinds"),
        (["none", "--most", "many"], "most: "),
        (["none", "--input", '{"kind": "\\ud800"}'], "half a character"),
        ([], "give the kind"),
        (["\udcff"], "not valid UTF-8"),
    ],
)
def test_what_does_not_fit_is_one_line_before_there_is_a_thread(
    cli: Cli, asking: None, tmp_path: Path, words: list[str], says: str
) -> None:
    ended = cli("run", "asking", *words)
    assert (ended.code, ended.out, len(ended.err.strip().splitlines())) == (2, "", 1)
    assert says in ended.err
    assert not (tmp_path / "threadloom.db").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "reakt", "hello"], "did you mean react"),
        (["run", "react", "hello", "--usd", "0"], "usd is 0"),
        (["run", "sequential", "tea", "--to", "ann@"], "to: 'ann@' is no mail address"),
        (["run", "react", "hello", "--steps", "few"], "steps"),
        (["run", "react", "--input", '{"messages": [{"role": "nobody"}]}'], "nobody"),
        (["run", "react", "--input", '{"messages": []}'], "messages"),
    ],
)
def test_bad_usage_of_a_graph_is_one_line(cli: Cli, words: list[str], says: str) -> None:
    ended = cli(*words)
    assert (ended.code, ended.out, len(ended.err.strip().splitlines())) == (2, "", 1)
    assert says in ended.err


CALL = {"tool": "send", "args": {"to": "ann", "copies": 1}, "call_id": "c"}
BUDGET = {"limits": {"steps": 3, "usd": 1.0}, "spent": {"steps": 3}}
TYPED: list[tuple[str, Any, str, dict[str, Any]]] = [
    ("report", {}, "n\na\nshorter\n", {"approve": False, "drop": ["a"], "comment": "shorter"}),
    ("call", CALL, "approve\n", {"action": "approve"}),
    ("call", CALL, "edit\nbob\n2\n", {"action": "edit", "args": {"to": "bob", "copies": 2}}),
    ("call", CALL, "maybe\nreject\nno\n", {"action": "reject", "text": "no"}),
    ("draft", {"mail": "Dear"}, "edit\nHello\n", {"action": "edit", "args": {"text": "Hello"}}),
    ("draft", {"mail": {"to": "a", "body": "b"}}, "respond\nlater\n", {"action": "respond", "text": "later"}),
    ("budget", BUDGET, "5\n\n", {"steps": 5}),
    ("budget", BUDGET, "\n\n", {"stop": True}),
]


@pytest.mark.parametrize(("kind", "details", "typed", "answer"), TYPED)
def test_a_question_is_asked_at_the_terminal(
    cli: Cli, asking: None, monkeypatch: pytest.MonkeyPatch, kind: str, details: Any, typed: str, answer: Any
) -> None:
    paused = cli("run", "asking", kind, "--input", json.dumps({"details": details}), "--thread", "t", "--json")
    assert (paused.code, json.loads(paused.out)["pending"][0]["kind"]) == (3, kind)
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    ended = cli("resume", "t")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out) == answer


def test_an_answer_of_any_other_shape_is_asked_field_by_field(
    cli: Cli, asking: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(question, "_asked", lambda asked: fill(ANSWERS[asked["kind"]]))
    cli("run", "asking", "call", "--thread", "t", "--json")
    monkeypatch.setattr("sys.stdin", Terminal('edit\n{"to": "bob"}\n\n'))
    ended = cli("resume", "t")
    assert json.loads(ended.out) == {"action": "edit", "args": {"to": "bob"}}

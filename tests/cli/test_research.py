"""A research run from the command line: done, paused, resumed, refused."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

QUESTION = "Do transformers need recurrence to translate well?"


def test_a_run_prints_the_report_and_says_what_to_try_next(cli: Cli, tmp_path: Path) -> None:
    ended = cli("run", "research", QUESTION)
    assert ended.code == 0
    assert ended.out.startswith(f"# {QUESTION}")
    assert "Extractive, no language model" in ended.out
    [folder] = (tmp_path / "reports").iterdir()
    assert {file.name for file in folder.iterdir()} == {"report.md", "report.html", "references.bib"}
    assert (folder / "report.md").read_text().strip() == ended.out.strip()
    assert folder.name in ended.err
    assert ended.err.split("Try next:")[1].strip().count("\n") == 2


def test_json_is_one_object_and_nothing_else(cli: Cli) -> None:
    ended = cli("run", "research", QUESTION, "--json")
    result = json.loads(ended.out)
    assert ended.err == ""
    assert (result["status"], result["question"]) == ("done", QUESTION)
    papers = {paper["id"]: paper for paper in result["papers"]}
    assert all(finding["paper_id"] in papers and finding["span"] for finding in result["findings"])
    assert {reference["paper_id"] for reference in result["references"]} <= set(papers)
    assert all(Path(file).exists() for file in result["files"])
    assert result["model"] == ["extractive"]
    assert result["cost_usd"] == 0
    assert result["seconds"] >= 0


def test_review_pauses_twice_and_answers_are_obeyed(cli: Cli) -> None:
    ended = cli("run", "research", QUESTION, "--review", "--json")
    paused = json.loads(ended.out)
    assert (ended.code, paused["status"]) == (3, "waiting")
    kept = [paper["id"] for paper in paused["pending"][0]["papers"] if paper["kept"]]
    assert kept

    ended = cli("resume", paused["thread_id"], "--answer", json.dumps({"drop": kept[:1]}), "--json")
    paused = json.loads(ended.out)
    assert (ended.code, paused["pending"][0]["kind"]) == (3, "report")
    assert kept[0] not in {finding["paper_id"] for finding in paused["findings"]}

    ended = cli("resume", paused["thread_id"], "--answer", '{"approve": true}', "--json")
    assert (ended.code, json.loads(ended.out)["status"]) == (0, "done")


def test_a_report_sent_back_is_written_again_without_the_findings_it_names(cli: Cli) -> None:
    thread = json.loads(cli("run", "research", QUESTION, "--review", "--json").out)["thread_id"]
    paused = json.loads(cli("resume", thread, "--answer", "{}", "--json").out)
    unwanted = paused["findings"][0]["id"]
    answer = {"approve": False, "drop": [unwanted], "comment": "Leave that out."}
    again = json.loads(cli("resume", thread, "--answer", json.dumps(answer), "--json").out)
    assert again["pending"][0]["kind"] == "report"
    assert unwanted not in {finding["id"] for finding in again["findings"]}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("{", "not JSON"),
        ('{"drop": ["doi:10.1/none"]}', "nothing to read here has the id doi:10.1/none"),
        ('{"keep": []}', "keep"),
        ('"yes"', "answer"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_and_the_run_stays_paused(cli: Cli, answer: str, says: str) -> None:
    thread = json.loads(cli("run", "research", QUESTION, "--review", "--json").out)["thread_id"]
    ended = cli("resume", thread, "--answer", answer)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert says in ended.err
    assert json.loads(cli("show", thread, "--json").out)["status"] == "waiting"


def test_an_unfinished_thread_takes_no_new_question(cli: Cli) -> None:
    thread = json.loads(cli("run", "research", QUESTION, "--review", "--json").out)["thread_id"]
    ended = cli("run", "research", "Something else entirely?", "--thread", thread)
    assert ended.code == 2
    assert f"threadloom resume {thread}" in ended.err


def test_a_finished_thread_takes_a_second_question_and_forgets_the_first(cli: Cli) -> None:
    first = json.loads(cli("run", "research", QUESTION, "--thread", "t", "--json").out)
    second = json.loads(cli("run", "research", "What does a black hole look like?", "--thread", "t", "--json").out)
    assert second["thread_id"] == first["thread_id"] == "t"
    assert not {f["paper_id"] for f in first["findings"]} & {f["paper_id"] for f in second["findings"]}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "research", "  "], "empty"),
        (["run", "research", "hm"], "at least 3"),
        (["run", "research", "why " * 2_500], "at most 2,000"),
        (["run", "research", QUESTION, "--style", "vancouver"], "style"),
        (["run", "research", QUESTION, "--source", "google"], "source"),
        (["run", "research", QUESTION, "--max-papers", "0"], "max-papers"),
        (["run", "research", QUESTION, "--db", "nonsense"], "nonsense"),
        (["resume", "nobody"], "no database at threadloom.db"),
        (["show", "nobody"], "no database at threadloom.db"),
        (["threads"], "no database at threadloom.db"),
        (["graph", "nothing"], "no graph named 'nothing'"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(cli: Cli, words: list[str], says: str) -> None:
    ended = cli(*words)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("command", ["resume", "show"])
def test_a_thread_that_is_not_there_is_named(cli: Cli, command: str) -> None:
    cli("run", "research", QUESTION, "--thread", "one", "--json")
    ended = cli(command, "two")
    assert ended.code == 2
    assert "no thread 'two'" in ended.err


def test_the_beginning_of_an_id_will_do_unless_it_fits_several(cli: Cli) -> None:
    for thread in ("abc-1", "abc-2", "b"):
        cli("run", "research", QUESTION, "--thread", thread, "--json")
    assert json.loads(cli("show", "abc-1", "--json").out)["thread_id"] == "abc-1"
    assert json.loads(cli("show", "b", "--json").out)["thread_id"] == "b"
    ended = cli("show", "abc")
    assert ended.code == 2
    assert "2 threads" in ended.err


def test_resuming_a_finished_thread_says_where_its_report_is(cli: Cli) -> None:
    cli("run", "research", QUESTION, "--thread", "t", "--json")
    ended = cli("resume", "t")
    assert ended.code == 2
    assert "threadloom show t" in ended.err

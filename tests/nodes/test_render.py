"""The report says what the state holds, and nothing from outside can change its structure."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.reports import drafted, report
from threadloom.nodes.cite import cite
from threadloom.nodes.markdown import one_line
from threadloom.nodes.render import render
from threadloom.state.research import Report, ResearchState
from threadloom.state.usage import Usage

MARKDOWN = MarkdownIt("js-default", {"linkify": False})


def finished(say: Callable[[str], str] = str) -> ResearchState:
    state = drafted(say)
    return {**state, **cite(state)}


def nothing_found(say: Callable[[str], str] = str) -> ResearchState:
    state = drafted(say)
    state["extractions"] = {}
    state["report"] = Report(answer=[], themes=[], agreements=[], disagreements=[], gaps=[], limits=[])
    return {**state, **cite(state)}


def section(markdown: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n\n(.*?)(?=^## |\Z)", markdown, re.DOTALL | re.MULTILINE)
    return found[1].strip() if found else ""


def test_the_whole_report_in_its_order() -> None:
    markdown = render(finished())
    assert markdown.startswith(
        "# Does tea help?\n\n*Written by gpt-x. 6 findings, 3 papers cited. 3 November 2026.*\n\n## Answer in brief\n"
    )
    assert re.findall("^## (.*)", markdown, re.MULTILINE) == [
        *("Answer in brief", "Findings", "Where papers agree", "Where papers disagree", "Gaps"),
        *("Limits", "References", "Sources asked", "Evidence"),
    ]
    assert section(markdown, "Answer in brief") == "Tea helps. [1, 2] A little. [1]"
    assert section(markdown, "Findings") == "### Blood\n\n- Pressure falls. [2, 3]"
    assert section(markdown, "Where papers agree") == "- All agree. [1, 2, 3]"
    assert (
        section(markdown, "References").splitlines()[1].startswith("2. Brewer, A. (2020). Title a. *Journal of Tea*.")
    )
    assert render(finished()) == markdown


def test_limits_say_what_is_weak() -> None:
    assert section(render(finished()), "Limits").splitlines() == [
        "- What was read are abstracts and summaries, not full texts.",
        "- 2 of 6 findings rest on the bundled library's own summaries, not on the papers' words.",
        "- 1 claim dropped because its wording was not in the source.",
        "- 1 of 3 sources did not answer: Crossref.",
        "- a model was slow.",
    ]


def test_coverage_and_figures() -> None:
    text = section(render(finished()), "Sources asked")
    assert text.startswith("Searched for: green tea (since 2000).")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    assert rows[2:5] == [
        ["Bundled library", "ok", "1", "0.0", ""],
        ["Europe PMC", "ok", "4", "1.0", "first page only"],
        ["Crossref", "failed", "0", "4.2", "rate limited (HTTP 429)"],
    ]
    assert dict(rows[7:]) == {
        "Papers": "5 found, 4 after merging duplicates, 3 kept for reading",
        "Findings": "6 kept, 1 dropped",
        "Model": "gpt-x (5 calls)",
        "Tokens": "12,345 in, 678 out",
        "Cost": "0.0123 USD",
        "Time": "1 min 12 s",
    }


def test_evidence_gives_the_words_and_whose_they_are() -> None:
    evidence = section(render(finished()), "Evidence")
    assert evidence.startswith(
        "### [1] Title b\n\n> “Claim 1 of paper 2.” — F2.1, abstract\n\n"
        "Claim 2 of paper 2.\n\n> “Words 2 of paper 2.” — F2.2, abstract\n\n### [2] Title a\n\n"
    )
    assert "> “Claim 1 of paper 1.” — F1.1, the library's own summary" in evidence
    assert evidence.count("\n> “") == 6


def test_read_but_not_cited_is_shown_as_such() -> None:
    state: ResearchState = {**drafted(), "report": {**report(), "themes": [], "agreements": [], "disagreements": []}}
    markdown = render({**state, **cite(state)})
    assert section(markdown, "References").count("\n") == 1
    assert "### Not cited: Title c" in section(markdown, "Evidence")


def used(*names: str, cost: float | None = 0.0) -> dict[str, Usage]:
    return {name: Usage(calls=1, input_tokens=0, output_tokens=0, cost_usd=cost) for name in names}


@pytest.mark.parametrize(
    ("usage", "says"),
    [
        (used("extractive"), "*Extractive, no language model: "),
        (used("m"), "*Written by m. "),
        (used("m", "extractive"), "*Written by m, in part extractive (no language model); see Limits. "),
        ({}, "*No model was asked. "),
    ],
)
def test_the_first_line_says_who_wrote(usage: dict[str, Usage], says: str) -> None:
    assert render({**finished(), "usage": usage}).split("\n\n")[1].startswith(says)


@pytest.mark.parametrize(("cost", "shown"), [(None, "unknown"), (0.0, "0 USD"), (1.5, "1.5 USD")])
def test_cost(cost: float | None, shown: str) -> None:
    assert f"| Cost | {shown} |" in render({**finished(), "usage": used("m", cost=cost)})


def test_nothing_found_is_said_briefly_with_what_to_try() -> None:
    markdown = render(nothing_found())
    assert "**Nothing fitting was found.** Papers that turned up: 4; kept for reading: 3." in markdown
    assert re.findall("^## (.*)", markdown, re.MULTILINE) == [
        *("Nearest papers", "What to try", "Limits", "Sources asked"),
    ]
    assert section(markdown, "Nearest papers").startswith("- Title a (2020); fits. <https://doi.org/10.1/a>\n")
    assert "threadloom doctor" in section(markdown, "What to try")


def test_the_barest_state_renders() -> None:
    bare = ResearchState(question="Q?", hits={}, coverage={}, extractions={}, notes={}, usage={}, choices=[])
    markdown = render(bare)
    assert "No paper turned up." in markdown
    assert "threadloom doctor" not in markdown
    assert "| Time | not finished |" in markdown


def structure(markdown: str) -> list[str]:
    """All of the Markdown but its words."""
    shape: list[str] = []
    for token in MARKDOWN.parse(markdown):
        shape.append(token.type)
        shape += [
            f"{child.type} {child.attrGet('href') or ''}" for child in token.children or [] if child.type != "text"
        ]
    return shape


NASTY = st.text(alphabet=st.sampled_from("\\`*_[]<>{}#|~$&!()-+=.:/ 1a\n\t\"'")) | st.text(max_size=20)
ATTACKS = st.sampled_from(
    [
        "![x](http://evil.example/p.png)",
        "[x](javascript:alert(1))",
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a\n\n# Heading\n\n- item",
        "| a | b |\n| --- | --- |",
        "[1]: http://evil.example",
        "[1](http://evil.example)",
        "~~~\ncode",
        "</style><style>*{}",
        "www.evil.example",
    ]
)


@settings(max_examples=60, deadline=None)
@given(hostile=(NASTY | ATTACKS).filter(one_line))
def test_text_from_outside_is_only_text(hostile: str) -> None:
    for state in (finished, nothing_found):
        assert structure(render(state(lambda text: f"{hostile} {text}"))) == structure(render(state()))
        assert structure(render(state(lambda text: f"{text} {hostile}"))) == structure(render(state()))

"""Escaped text reads as itself and never becomes structure."""

import re

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from threadloom.nodes.markdown import autolink, escape, one_line

MARKDOWN = MarkdownIt("js-default", {"linkify": False})
NASTY = st.text(alphabet=st.sampled_from("\\`*_[]<>{}#|~$&!()-+=.:/ 1aw\n\t\"'é")) | st.text()


def shown(tokens: list[Token]) -> str:
    return "".join(token.content for token in tokens[1].children or [])


@given(NASTY)
@example("www.evil.example http://evil.example &amp; &#x41; &nbsp")
@example("1) a")
@example("---")
def test_escaped_text_is_one_paragraph_that_reads_as_the_text(text: str) -> None:
    tokens = MARKDOWN.parse("x " + escape(text))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert {token.type for token in tokens[1].children or []} == {"text"}
    assert shown(tokens) == f"x {one_line(text)}".rstrip()


@given(NASTY.filter(one_line))
@example("1. a")
@example("- a")
@example("===")
def test_holds_at_the_start_of_a_line(text: str) -> None:
    tokens = MARKDOWN.parse(escape(text))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert shown(tokens) == one_line(text)


@given(NASTY)
def test_holds_in_a_table_cell(text: str) -> None:
    tokens = MARKDOWN.parse(f"| a | b |\n| --- | --- |\n| {escape(text)} | end |")
    cells = [token for token in tokens if token.type == "inline"]
    assert [cell.content for cell in cells[:2]] + [cells[3].content] == ["a", "b", "end"]
    assert "".join(token.content for token in cells[2].children or []) == one_line(text)


@given(st.text())
def test_one_line_is_printable_and_can_be_written(text: str) -> None:
    line = one_line(text)
    assert line.encode() is not None
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ue000-\uf8ff]", line)
    assert one_line(line) == line


def test_no_renderer_finds_a_bare_address() -> None:
    escaped = escape("see http://evil.example and www.evil.example")
    assert "://" not in escaped
    assert "www." not in escaped


@given(NASTY)
def test_an_address_cannot_leave_its_link(text: str) -> None:
    tokens = MARKDOWN.parse(f"a {autolink('https://example.org/' + text)} b")[1].children or []
    assert [token.type for token in tokens] == ["text", "link_open", "text", "link_close", "text"]
    assert str(tokens[1].attrs["href"]).startswith("https://example.org/")

"""Marks in a text: those that name a document are kept in order, the others go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadloom.nodes.marks import cited, marked, unmarked
from threadloom.state.letter import Source

DOCUMENTS = [
    Source(title="a", text="Tea is green [4, 5]. It is hot.", link=""),
    Source(title="b", text="Coffee is black.", link=""),
]


def test_sentences_of_documents_are_marked_unless_they_are() -> None:
    text = "Tea is green.  Coffee is black. [2] It is hot. Milk is white."
    assert marked(text, DOCUMENTS) == "Tea is green. [1]  Coffee is black. [2] It is hot. [1] Milk is white."


@pytest.mark.parametrize(
    ("text", "kept", "named"),
    [
        ("Black [2]. Green [1].", "Black [1]. Green [2].", "ba"),
        ("Both [2,1] of them [1–2] [2].", "Both [1, 2] of them [2, 1] [1].", "ba"),
        ("Neither [0] nor [3] nor [99999999999].", "Neither nor nor.", ""),
        ("a[1] b [x] [] [1", "a [1] b [x] [] [1", "a"),
    ],
)
def test_marks_are_numbered_anew(text: str, kept: str, named: str) -> None:
    found, sources = cited(text, DOCUMENTS)
    assert (found, "".join(one["title"] for one in sources)) == (kept, named)


@given(st.text(st.sampled_from("ab. [12],3\n")))
def test_only_marks_are_changed(text: str) -> None:
    once, _ = cited(text, DOCUMENTS)
    assert unmarked(once) == unmarked(text)
    assert unmarked(marked(text, DOCUMENTS)) == unmarked(text)

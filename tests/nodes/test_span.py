"""A span counts only when its words are in the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadloom.nodes.span import locate, omits_negation, unsupported_numbers

TEXT = (
    "Background. The “new” drug cut deaths by 17 % – from 1,204 to 999 – in adults.\n  No effect was seen in children."
)


CUT = "The “new” drug cut deaths by 17 % – from 1,204 to 999 – in adults."
NONE = "No effect was seen in children."


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("No effect was seen in children.", NONE),
        ('the "new" drug cut deaths', CUT),
        ("17 % - from 1,204 to 999 - in", CUT),
        ("in adults. No effect was", f"{CUT}\n  {NONE}"),
    ],
)
def test_forgives_what_models_normalise_and_returns_the_texts_own_sentences(quote: str, found: str) -> None:
    assert locate(quote, TEXT) == (TEXT.index(found), found)


def test_a_quotation_is_whole_words_and_does_not_hide_a_denial() -> None:
    assert locate("effective in older adults", "The drug was ineffective in older adults.") is None
    denied = "The drug was not effective in older adults."
    assert locate("effective in older adults", denied) == (0, denied)
    assert omits_negation("It was effective.", "effective in older adults", denied)
    assert not omits_negation("It was not effective.", "effective in older adults", denied)
    assert not omits_negation("It was effective.", "effective in adults", "It was effective in adults.")


@pytest.mark.parametrize("quote", ["", "the drug", "The drug cut deaths by 71 %", "No effect was seen in mice."])
def test_finds_nothing_that_is_not_there(quote: str) -> None:
    assert locate(quote, TEXT) is None


@given(st.text(), st.text(min_size=1), st.text())
def test_what_is_found_is_in_the_text_at_the_place_given(before: str, quote: str, after: str) -> None:
    text = before + quote + after
    found = locate(quote, text)
    if found is not None:
        start, span = found
        assert text[start : start + len(span)] == span


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), min_size=3), st.text(), st.text())
def test_any_three_words_of_a_text_are_found_in_it(words: list[str], before: str, after: str) -> None:
    quote = " ".join(words)
    assert locate(quote, f"{before} {quote} {after}") is not None


def test_numbers_a_claim_adds_are_named() -> None:
    assert unsupported_numbers("Deaths fell by 71 % from 1204", TEXT) == {"71"}
    assert unsupported_numbers("Deaths fell from 1,204 to 999", TEXT) == set()

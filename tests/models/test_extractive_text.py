"""Sentences, terms and phrases."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadloom.models.extractive.text import (
    capitalise,
    concepts,
    key_phrases,
    overlap,
    sentences,
    stem,
    terms,
    topical,
    weights,
)

ABSTRACT = (
    "BACKGROUND: Vaccines (e.g. BNT162b2) were tested vs. placebo by Smith et al. in the U.S. and elsewhere. "
    "METHODS: We used J. Smith's assay (Fig. 2) at p < 0.05. "
    "RESULTS: Efficacy was 95.0% (95% CI, 90.3 to 97.6).CONCLUSIONS: It held in the U.S. The effect persisted. "
    "Patients took vitamin C. Controls did not. mRNA levels rose. E. coli grew, cf. Eq. 3. Is it? Yes! "
    "No. 5 was best. The answer is no. We stop."
)


def test_sentences_survive_abbreviations() -> None:
    assert sentences(ABSTRACT) == [
        "BACKGROUND: Vaccines (e.g. BNT162b2) were tested vs. placebo by Smith et al. in the U.S. and elsewhere.",
        "METHODS: We used J. Smith's assay (Fig. 2) at p < 0.05.",
        "RESULTS: Efficacy was 95.0% (95% CI, 90.3 to 97.6).",
        "CONCLUSIONS: It held in the U.S.",
        "The effect persisted.",
        "Patients took vitamin C.",
        "Controls did not.",
        "mRNA levels rose.",
        "E. coli grew, cf. Eq. 3.",
        "Is it?",
        "Yes!",
        "No. 5 was best.",
        "The answer is no.",
        "We stop.",
    ]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("The mood may change.MethodsWe searched.ResultsIt did.", 3),  # headings run into the text
        ("One point\n\nAnother point", 2),
        ("温度上升。海平面上升。", 2),
        ("No full stop at the end", 1),
        ("", 0),
        (" \n ", 0),
    ],
)
def test_sentence_count(text: str, count: int) -> None:
    assert len(sentences(text)) == count


@given(st.text(alphabet=st.sampled_from("aB .!?\n()0é。-"), max_size=120))
def test_sentences_lose_nothing(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())
    assert all(sentence in text for sentence in sentences(text))


def test_terms_are_stems_of_content_words() -> None:
    assert terms("The vaccines were effective against Covid-19") == ["vaccin", "effect", "covid"]
    assert topical("What is the effect of vaccination?") == ["vaccin"]
    assert topical("effects") == ["effect"], "filler is kept where there is nothing else"


@pytest.mark.parametrize(
    ("british", "american"),
    [("behaviour", "behavior"), ("randomised", "randomized"), ("Neanderthals", "Neandertal"), ("CO₂", "CO2")],
)
def test_spellings_share_a_stem(british: str, american: str) -> None:
    assert stem(british) == stem(american)


def test_stemming_is_safe_from_threads() -> None:
    vocabulary = [
        f"{word}{ending}" for word in ("learn", "migrat", "employ") for ending in ("ing", "ed", "s", "ers")
    ] * 50
    alone = [stem.__wrapped__(word) for word in vocabulary]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(stem.__wrapped__, vocabulary)) == alone


def test_key_phrases_keep_terms_whole() -> None:
    assert key_phrases("How effective are mRNA vaccines against Covid-19?") == ["mRNA vaccines", "Covid-19"]
    assert key_phrases("the role of role models and the placebo effect") == ["role models", "placebo effect"]
    assert key_phrases("large language models in New Jersey are large") == ["large language models", "New Jersey"]


def test_rare_terms_weigh_more() -> None:
    weight = weights([{"a", "b"}, {"a"}, {"a"}])
    assert weight["b"] > weight["a"]
    assert overlap({"a", "b"}, {"b"}, weight) > overlap({"a", "b"}, {"a"}, weight)
    assert overlap(set(), {"a"}) == 0


def test_capitals_respect_own_spelling() -> None:
    assert [capitalise(text) for text in ("mRNA rose", "p53 rose", "rates rose", "")] == [
        "mRNA rose",
        "p53 rose",
        "Rates rose",
        "",
    ]


def test_grammar_of_several_words_has_no_content_word() -> None:
    assert terms("We wait in order to learn, in  light of that") == ["wait", "learn"]
    assert "order" in terms("The orders came in order")


def test_what_crashes_is_not_merged() -> None:
    assert set(concepts("The app crashes")).isdisjoint(concepts("merging black holes"))

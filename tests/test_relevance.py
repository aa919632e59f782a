"""Does a question get the papers that fit it, and an unanswerable one none? Measured over all labelled questions.

The labelled questions are `tests/data/questions/<field>.json`, and `independent.json`, written by someone who knew
neither the code nor the other questions; "ok" are papers that fit as well but need not be found. The library of all
fields is what is searched, through the same source, merge and ranking as in a run. "Answered" is a question with at
least one expected paper kept and none that does not fit.

None of these figures is free of tuning. The constants were chosen by a search, one at a time and some hundred values in
all, over the six fields, every second independent question, and the near misses and reported questions below. The
word lists and synonyms were extended after reading what failed there, some by the very word that was in the way. Of the
other independent questions only totals were seen until the third row; then their failures were read too, which added
units of measurement and kinship and took two words out of the list. So the third row is the nearest to what a new
question meets, and the last one is not.

| questions | expected papers kept | kept papers that fit | answered | unanswerable, none kept |
|---|---|---|---|---|
| six fields | 64 of 70 | 64 of 72 | 54 of 60 | 24 of 24 |
| independent, tuned on | 27 of 30 | 27 of 31 | 21 of 24 | 9 of 9 |
| independent, before a look at them | 18 of 26 | 18 of 19 | 17 of 24 | 8 of 9 |
| independent, all, at last | 47 of 56 | 47 of 52 | 40 of 48 | 18 of 18 |

Then everyday keywords were added to every paper of the library, by someone who saw no question, and the bar was raised
to match. `blind.json` was written with `independent.json` and not looked at while the gate was built; only the height
of the bar was chosen with its totals in view. It is the fairest guess at new questions in very colloquial words.

| questions, with everyday keywords | expected papers kept | kept papers that fit | answered | unanswerable, none kept |
|---|---|---|---|---|
| six fields | 66 of 70 | 66 of 74 | 54 of 60 | 24 of 24 |
| independent | 49 of 56 | 50 of 54 | 43 of 48 | 18 of 18 |
| blind | 31 of 56 | 32 of 35 | 28 of 48 | 16 of 18 |

The floors below are a little under this second table: a change that costs a few papers fails.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from threadloom.nodes.merge import merge_hits
from threadloom.nodes.rank import rank_papers
from threadloom.nodes.relevance import alternatives
from threadloom.state.research import Plan
from threadloom.tools.library.catalogue import Library, bundled
from threadloom.tools.library.source import LibrarySource
from threadloom.tools.papers.source import PaperQuery

QUESTIONS = {
    path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "data/questions").glob("*.json")
}
FIELDS = [item for name, items in QUESTIONS.items() if name not in ("independent", "blind") for item in items]
INDEPENDENT, BLIND = QUESTIONS["independent"], QUESTIONS["blind"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> LibrarySource:
    return LibrarySource(Library(tmp_path_factory.mktemp("home")))


def kept(source: LibrarySource, question: str) -> set[str]:
    """Ids of the papers that a run without network would read."""
    plan = Plan(topic="", sub_questions=[], key_terms=[], year_from=None, year_to=None, sources=["library"])
    papers = merge_hits({"library": source.search(PaperQuery(question), 10)})
    return {verdict["paper_id"] for verdict in rank_papers(question, plan, papers, 8)[1] if verdict["kept"]}


@pytest.mark.parametrize(
    ("asked", "recall", "precision", "answered", "silence"),
    [
        (FIELDS, 0.9, 0.86, 0.87, 0.95),
        (INDEPENDENT, 0.84, 0.89, 0.85, 0.94),
        (BLIND, 0.5, 0.88, 0.54, 0.85),
    ],
    ids=["fields", "independent", "blind"],
)
def test_answerable_questions_get_their_papers_and_others_get_none(
    source: LibrarySource, asked: list[dict[str, Any]], recall: float, precision: float, answered: float, silence: float
) -> None:
    answers = [(set(item["expect"]), set(item.get("ok", ())), kept(source, item["question"])) for item in asked]
    answerable = [(expected, fine | expected, got) for expected, fine, got in answers if expected]
    unanswerable = [got for expected, _, got in answers if not expected]
    found = sum(len(expected & got) for expected, _, got in answerable)
    assert found / sum(len(expected) for expected, _, _ in answerable) >= recall
    assert sum(len(fit & got) for _, fit, got in answerable) / sum(len(got) for *_, got in answerable) >= precision
    assert sum(bool(expected & got) and got <= fit for expected, fit, got in answerable) / len(answerable) >= answered
    assert sum(not got for got in unanswerable) / len(unanswerable) >= silence


REPORTED = """
Does aspirin or a statin prevent heart attacks?
What do vaccines and drugs do against Covid-19?
How will climate change affect sea level and tipping points?
What can deep learning do for proteins and games?
What happens to ocean chemistry as CO2 rises?
How did quantum computers beat classical ones?
How did ancient humans interbreed with Neanderthals?
How unequal are incomes in America?
""".strip().splitlines()


@pytest.mark.parametrize("question", REPORTED)
def test_everyday_wording_and_coordinated_subjects_find_papers(source: LibrarySource, question: str) -> None:
    assert kept(source, question)


def test_each_alternative_is_asked_by_itself() -> None:
    frame, tail = ["prevent"], ["heart", "attack"]
    both = [[name, *frame, *tail] for name in ("aspirin", "statin")]
    assert alternatives("Does aspirin or a statin prevent heart attacks?") == both
    assert alternatives("Do aspirin and statins prevent heart attacks?") == both
    three = alternatives("Do aspirin, statins, or olive oil prevent heart attacks?")
    assert three == [*both, ["oliv", "oil", *frame, *tail]]
    assert alternatives("BERT vs. GPT-3") == [["bert"], ["gpt"]]


@pytest.mark.parametrize(
    "question",
    ["sleep and memory", "Link between sleep and memory in mice", "Tabs or spaces?", "and", "a or", ""],
)
def test_what_is_asked_of_two_together_is_not_taken_apart(question: str) -> None:
    assert alternatives(question) == []


NEAR_MISSES = """
Does yoga lower blood pressure?
Do mRNA vaccines cure cancer?
Can graphene filter seawater?
Do minimum wages reduce crime?
Does vitamin D prevent Covid-19?
Is semaglutide effective in Alzheimer's disease?
How do black holes evaporate by Hawking radiation?
Does the Mediterranean diet help with depression?
Quantum computing for drug discovery
Does global warming make hurricanes stronger?
Graph neural networks for molecules
Does coffee increase the risk of cancer?
How do I bake sourdough bread?
""".strip().splitlines()


@pytest.mark.parametrize("question", NEAR_MISSES)
def test_half_a_fit_is_none(source: LibrarySource, question: str) -> None:
    """The library has papers on one half of each of these, and none on the whole."""
    assert kept(source, question) == set()


def test_labels_name_papers_of_the_library() -> None:
    known = {paper["id"] for paper in bundled()}
    assert {id_ for items in QUESTIONS.values() for item in items for id_ in item["expect"]} <= known

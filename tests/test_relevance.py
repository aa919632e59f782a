"""Does a question get the papers that fit it, and an unanswerable one none? Measured over all labelled questions.

The labelled questions are `tests/data/questions/<field>.json`; the library of all fields is what is searched, through
the same source, merge and ranking as in a run. The constants of the gate were chosen on biology, economics and
physics and on 110 questions of our own, 60 of them near misses such as "Does yoga lower blood pressure?". AI, climate
and medicine were held out until then; one rule (a rare word need only be mentioned) was added after a look at them.

| questions | expected papers kept | kept papers expected | questions with a fitting paper | unanswerable, none kept |
|---|---|---|---|---|
| biology, economics, physics (tuned on) | 30 of 32 | 30 of 34 | 29 of 30 | 12 of 12 |
| AI, climate, medicine (held out) | 31 of 38 | 31 of 31 | 28 of 30 | 12 of 12 |
| all | 0.871 | 0.938 | 57 of 60 | 24 of 24 |
| 64 written afterwards, not tuned on | 0.941 | 1.0 | 30 of 32 | 31 of 32 |

The floors below are a little under the third row: a change that costs a few papers fails.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from threadloom.nodes.merge import merge_hits
from threadloom.nodes.rank import rank_papers
from threadloom.state.research import Plan
from threadloom.tools.library.catalogue import Library, bundled
from threadloom.tools.library.source import LibrarySource
from threadloom.tools.papers.source import PaperQuery

QUESTIONS = {
    path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "data/questions").glob("*.json")
}
RECALL, PRECISION, ANSWERED, SILENCE = 0.84, 0.9, 0.93, 0.95


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> LibrarySource:
    return LibrarySource(Library(tmp_path_factory.mktemp("home")))


def kept(source: LibrarySource, question: str) -> set[str]:
    """Ids of the papers that a run without network would read."""
    plan = Plan(topic="", sub_questions=[], key_terms=[], year_from=None, year_to=None, sources=["library"])
    papers = merge_hits({"library": source.search(PaperQuery(question), 10)})
    return {verdict["paper_id"] for verdict in rank_papers(question, plan, papers, 8)[1] if verdict["kept"]}


def test_answerable_questions_get_their_papers_and_others_get_none(source: LibrarySource) -> None:
    asked: list[dict[str, Any]] = [item for items in QUESTIONS.values() for item in items]
    answers = [(set(item["expect"]), kept(source, item["question"])) for item in asked]
    right = sum(len(expected & got) for expected, got in answers)
    answered = [bool(expected & got) for expected, got in answers if expected]
    unanswerable = [got for expected, got in answers if not expected]
    assert right / sum(len(expected) for expected, _ in answers) >= RECALL
    assert right / sum(len(got) for expected, got in answers if expected) >= PRECISION
    assert sum(answered) / len(answered) >= ANSWERED
    assert sum(not got for got in unanswerable) / len(unanswerable) >= SILENCE


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

"""A debate end to end: proposals checked against papers, votes, dissent, and what happens when somebody fails."""

import asyncio
import re
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from tests.graphs.agents import THREAD, Run, models
from tests.graphs.dying import Killed, when_stored
from tests.servers.openai_server import Answer, Hang, OpenAIServer, Reply, error
from tests.servers.openai_server import structured as fitting
from threadloom.checkpoints import SQLSaver
from threadloom.graphs.debate import build
from threadloom.models.roles import Models
from threadloom.nodes.ask import ask_or_extract
from threadloom.nodes.debate import Debater
from threadloom.state.budget import Limits
from threadloom.state.papers import Paper
from threadloom.tools.library.source import LibrarySource
from threadloom.tools.papers.source import PaperQuery

ASKED = {"question": "Does raising the minimum wage reduce employment?"}
TRUE = "Employment in New Jersey fast-food restaurants rose by 13 percent relative to Pennsylvania"
PAIR = (Debater("ann", "say yes."), Debater("bob", "say no."))
Says = Mapping[str, Any]


def proposes(answer: str, *quotes: str) -> Says:
    return {"answer": answer, "findings": [{"claim": quote, "quote": quote} for quote in quotes]}


def votes(choice: str, criticism: Mapping[str, str] | None = None, confidence: float = 0.8) -> Says:
    said = [{"author": author, "text": text} for author, text in (criticism or {}).items()]
    return {"choice": choice, "confidence": confidence, "reason": f"{choice} is right", "criticism": said}


def plays(server: OpenAIServer, judge: Says | None = None, **debaters: tuple[Says | Answer, Says | Answer]) -> None:
    """Each debater proposes the first and votes the second."""

    def scenario(body: dict[str, Any]) -> Answer:
        task = str(body["messages"][0]["content"])
        who = re.match(r"You are (\w+) in a debate", task)
        if who:
            said = debaters[who[1]]["what speaks against" in task]
            return fitting(body, said) if isinstance(said, Mapping) else said
        if task.startswith("Decide"):
            return fitting(body, judge or {})
        return fitting(body, {"topic": "minimum wage", "sub_questions": [], "key_terms": ["minimum wage"]})

    server.scenario = scenario


@pytest.fixture(params=["sync", "async"])
def debate(request: pytest.FixtureRequest, server: OpenAIServer, saver: SQLSaver) -> Run:
    """Runs a debate of ann and bob over the bundled library, through `invoke` or `ainvoke`."""

    def call(given: Any = ASKED, **options: Any) -> Any:
        options = {"models": models(server), "sources": [LibrarySource()], "debaters": PAIR, **options}
        graph = build(**options).compile(checkpointer=saver)
        return asyncio.run(graph.ainvoke(given, THREAD)) if request.param == "async" else graph.invoke(given, THREAD)

    return call


def test_who_was_right_who_dissented_and_what_was_made_up(server: OpenAIServer, debate: Run) -> None:
    ann = (proposes("It does.", "Every job was lost in all of the states"), votes("bob"))
    bob = (proposes("It does not.", TRUE), votes("bob", {"ann": "Nobody wrote that."}))
    plays(server, ann=ann, bob=bob)
    state = debate()
    assert state["resolution"]["choice"] == "bob"
    assert state["resolution"]["tally"] == {"ann": 0, "bob": 2}
    assert (state["proposals"]["ann"]["findings"], state["proposals"]["ann"]["dropped"]) == ([], 1)
    [finding] = state["proposals"]["bob"]["findings"]
    assert finding["span"].startswith(TRUE)
    assert [one["authors"] for one in state["conflicts"]] == [["ann", "bob"]]
    assert [one["author"] for one in state["board"]["answer"]] == ["ann", "bob", "bob"]
    assert "Against it, bob: Nobody wrote that." in state["markdown"]
    assert finding["paper_id"] in state["markdown"]
    assert state["finished_at"]
    again = debate()  # nothing of the first is left
    assert (len(again["ballots"]), len(again["board"]["answer"])) == (2, 3)


def test_the_judge_decides_against_a_vote_and_the_dissent_is_told(server: OpenAIServer, debate: Run) -> None:
    ann, bob = (proposes("It does."), votes("ann")), (proposes("It does not.", TRUE), votes("ann"))
    plays(server, {"choice": "bob", "reason": "It quotes."}, ann=ann, bob=bob)
    state = debate(resolver="judge")
    assert (state["resolution"]["choice"], state["resolution"]["reason"]) == ("bob", "It quotes.")
    own = {"model": "m", "reason": "the role of this node"}
    assert state["choices"] == [
        {"node": "plan", "role": "planner", **own},
        {"node": "debate ann", "role": "debater", **own},
        {"node": "debate bob", "role": "debater", **own},
        {"node": "vote ann", "role": "debater", **own},
        {"node": "vote bob", "role": "debater", **own},
        {"node": "judge", "role": "judge", **own},
    ]
    assert "Dissent, ann for ann: ann is right" in state["markdown"]


def test_a_judge_that_names_nobody_is_replaced_by_evidence(server: OpenAIServer, debate: Run) -> None:
    ann, bob = (proposes("It does."), votes("ann")), (proposes("It does not.", TRUE), votes("ann"))
    plays(server, {"choice": "eve", "reason": "Why not."}, ann=ann, bob=bob)
    state = debate(resolver="judge")
    assert (state["resolution"]["method"], state["resolution"]["choice"]) == ("evidence", "bob")
    assert "no judgement: the judge chose 'eve'" in state["notes"]["judge"]


def test_a_vote_for_nobody_and_a_voter_without_a_model_are_noted(server: OpenAIServer, debate: Run) -> None:
    plays(server, ann=(proposes("It does."), votes("eve")), bob=(proposes("It does not.", TRUE), error(401)))
    state = debate()
    assert state["ballots"] == {}
    assert state["notes"]["vote ann"] == "no vote: it chose 'eve', which nobody proposed"
    assert "the key was refused" in state["notes"]["vote bob"]
    assert state["resolution"]["method"] == "evidence"  # since nobody voted
    assert state["notes"]["vote ann"] in state["markdown"]


def test_a_proposal_without_a_model_is_extractive_and_says_so(server: OpenAIServer, debate: Run) -> None:
    plays(server, ann=(error(401), votes("ann")), bob=(proposes("It does not.", TRUE), votes("ann")))
    state = debate()
    assert "sentences were selected instead" in state["notes"]["debate ann"]
    assert state["resolution"]["choice"] == "ann"


def everybody(server: OpenAIServer) -> None:
    ann, bob = (proposes("It does."), votes("bob")), (proposes("It does not.", TRUE), votes("bob"))
    plays(server, {"choice": "bob", "reason": "It quotes."}, ann=ann, bob=bob)


@pytest.mark.parametrize("misfits", [False, True])
def test_no_budget_of_calls_is_ever_exceeded(server: OpenAIServer, misfits: bool) -> None:
    everybody(server)
    if misfits:
        server.scenario = lambda _: Reply("No idea.")
    graph = build(models=models(server), sources=[LibrarySource()], debaters=PAIR, resolver="judge").compile()
    for calls in range(7):
        server.requests.clear()
        state = graph.invoke({**ASKED, "budget": {"model_calls": calls}})
        assert len(server.requests) <= calls
        assert (state["resolution"]["choice"] != "", bool(state["finished_at"])) == (True, True)
        assert bool(state["stopped"]) == (calls < 6 or misfits)  # a plan, two proposals, two votes, the judge
        assert not state["stopped"] or state["stopped"] in state["markdown"]
        assert (
            misfits or calls < 4 or state["resolution"]["method"] == "judge"
        )  # for which one is kept before the votes


@pytest.mark.parametrize("limit", [Limits(tokens=30), Limits(usd=0.0001), Limits(steps=3), Limits(seconds=1)])
def test_every_limit_holds(server: OpenAIServer, debate: Run, limit: Limits) -> None:
    everybody(server)
    if "seconds" in limit:
        server.scenario = lambda _: Hang()
    state = debate(budget=limit)
    assert len(server.requests) <= 3
    assert "budget" in state["stopped"]
    assert state["resolution"]["choice"]


def test_after_a_crash_who_had_proposed_is_not_asked_again(
    server: OpenAIServer, debate: Run, saver: SQLSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded, dying = when_stored("'author': 'ann'", saver, monkeypatch), [True]

    def dies(models_: Any, role: str, *rest: Any) -> Any:
        if "You are bob" in rest[1][0].text and dying:
            assert recorded.wait(10)
            dying.clear()
            raise Killed
        return ask_or_extract(models_, role, *rest)

    monkeypatch.setattr("threadloom.nodes.debate.ask_or_extract", dies)
    everybody(server)
    with pytest.raises(Killed):
        debate()
    assert len(server.requests) == 2  # the plan, and ann
    state = debate(None)
    assert len(server.requests) == 5
    assert (state["resolution"]["tally"], state["stopped"]) == ({"ann": 0, "bob": 2}, "")
    assert (state["usage"]["m"]["calls"], state["work"]["steps"]) == (5, 5)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"debaters": ()}, "debaters: none given"),
        ({"debaters": (PAIR[0],)}, "debaters: only one given; a debate takes two"),
        ({"debaters": (PAIR[0], PAIR[0])}, "debaters: more than one is named ann"),
        ({"budget": {"model_calls": 0}}, "budget: model_calls is 0, which allows nothing"),
    ],
)
def test_what_cannot_work_is_said_when_it_is_built(options: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        build(models=Models(), **options)


class Foreign(LibrarySource):
    """A source of somebody else's: one that never answers, or one with a paper of 5 MB."""

    let_go: threading.Event | None = None

    def search(self, query: PaperQuery, deadline: float) -> list[Paper]:
        if self.let_go:
            self.let_go.wait(30)
        papers = super().search(query, deadline)
        return [{**one, "abstract": one["abstract"] + " More is said." * 400_000} for one in papers[:1]]


def test_a_source_that_hangs_is_left_behind(debate: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threadloom.nodes.search.GRACE", 0.1)
    monkeypatch.setenv("THREADLOOM_DEADLINE", "0.1")
    stuck = Foreign()
    stuck.let_go = threading.Event()
    state = debate(models=Models(), sources=[stuck])
    stuck.let_go.set()
    assert "No answer: nobody had an answer." in state["markdown"]
    assert "was not available: no answer within 0.2 s" in state["markdown"]


def test_a_paper_of_5_mb_is_cut(server: OpenAIServer, debate: Run) -> None:
    everybody(server)
    state = debate(sources=[Foreign()])
    assert state["resolution"]["choice"]
    assert max(len(str(one.body)) for one in server.requests) < 100_000
    assert len(str(state)) < 200_000


def test_every_turn_is_streamed_with_what_came_of_it(server: OpenAIServer) -> None:
    plays(server, ann=(proposes("It does."), votes("bob")), bob=(proposes("It does not.", TRUE), votes("eve")))
    graph = build(models=models(server), sources=[LibrarySource()], debaters=PAIR).compile()
    events = list(graph.stream(ASKED, stream_mode="custom"))
    begun = [(one["round"], one["debater"]) for one in events if one["event"] == "turn_started"]
    assert sorted(begun) == [(round_, name) for round_ in ("propose", "vote") for name in ("ann", "bob")]
    ended = {(one["round"], one["debater"]): one for one in events if one["event"] == "turn_ended"}
    assert {key: (one["choice"], one["problem"]) for key, one in ended.items()} == {
        ("propose", "ann"): ("", ""),
        ("propose", "bob"): ("", ""),
        ("vote", "ann"): ("bob", ""),
        ("vote", "bob"): ("", "no vote: it chose 'eve', which nobody proposed"),
    }


def test_without_a_language_model_each_reads_a_part_and_evidence_decides() -> None:
    state = build(models=Models(), sources=[LibrarySource()]).compile().invoke(ASKED)
    assert (state["resolution"]["method"], len(state["conflicts"])) == ("evidence", 1)
    assert "no language model" in state["markdown"]


def test_where_nothing_was_found_it_says_so() -> None:
    asked = {"question": "Do flugelbinders of Zorblax like quuxes?"}
    state = build(models=Models(), sources=[LibrarySource()]).compile().invoke(asked)
    assert state["resolution"]["choice"] == ""
    assert "No answer: nobody had an answer." in state["markdown"]

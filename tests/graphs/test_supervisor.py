"""A supervisor and its specialists end to end: at once, on shares of one budget, failures and contradictions told."""

import asyncio
import threading
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command

from tests.graphs.agents import THREAD, Run, entry, models, pause, results
from tests.servers.openai_server import Answer, Hang, OpenAIServer, Reply, error
from threadloom.checkpoints import SQLSaver
from threadloom.graphs import react
from threadloom.graphs.supervisor import build
from threadloom.models.roles import Models
from threadloom.nodes.team import Member
from threadloom.state.budget import Limits, shares

ASKED: Any = {"messages": [{"role": "user", "content": "How much of it may a child take?"}]}


@tool
def look(place: str) -> str:
    """Look something up."""
    return f"seen in {place}"


def member(server: OpenAIServer, name: str, **options: Any) -> Member:
    agent = react.build(models=models(server), tools=[look], prompt=f"You are {name}.", name=name, **options)
    return Member(name, f"Knows all about {name}.", agent.compile())


def speaker(body: dict[str, Any]) -> str:
    """Who is asked: a specialist by name, or the supervisor."""
    told = str(body["messages"][0]["content"])
    return told.removeprefix("You are ").split(".")[0] if told.startswith("You are ") else "lead"


def asks(*requests: tuple[str, dict[str, Any]]) -> Reply:
    return Reply(calls=tuple((f"ask_{to}", {"request": f"{to}, look into it", **more}) for to, more in requests))


def plays(server: OpenAIServer, lead: list[Answer], **others: Answer) -> None:
    """The supervisor says these in turn, each specialist always its own."""
    turn = iter(lead)

    def scenario(body: dict[str, Any]) -> Answer:
        return next(turn) if (who := speaker(body)) == "lead" else others[who]

    server.scenario = scenario


@pytest.fixture(params=["sync", "async"])
def lead(request: pytest.FixtureRequest, server: OpenAIServer, saver: SQLSaver) -> Run:
    """Runs a team of ann and bob on thread `t`, through `invoke` or `ainvoke`."""

    def call(given: Any = ASKED, **options: Any) -> Any:
        options = {"models": models(server), "team": [member(server, "ann"), member(server, "bob")], **options}
        graph = build(**options).compile(checkpointer=saver)
        return asyncio.run(graph.ainvoke(given, THREAD)) if request.param == "async" else graph.invoke(given, THREAD)

    return call


def test_specialists_work_at_once_and_every_contract_is_recorded(server: OpenAIServer, lead: Run) -> None:
    meeting = threading.Barrier(2)
    turn = iter([asks(("ann", {"expected_text": "a dose"}), ("bob", {"key": "risk"})), Reply("5 mg, says ann.")])

    def scenario(body: dict[str, Any]) -> Answer:
        if speaker(body) == "lead":
            return next(turn)
        meeting.wait(10)  # nobody answers until both are asked
        return Reply(f"{speaker(body)} says 5 mg.")

    server.scenario = scenario
    state = lead(budget={"model_calls": 12, "seconds": 60})
    assert results(state) == ["ann says 5 mg.", "bob says 5 mg."]
    assert state["messages"][-1].text == "5 mg, says ann."
    ann, bob = state["delegations"].values()
    assert (ann["to"], ann["expected"], ann["status"], ann["note"]) == ("ann", "a dose", "done", "ann")
    assert (bob["to"], bob["status"], bob["note"], bob["usage"]["m"]["calls"]) == ("bob", "done", "risk", 1)
    assert ann["budget"]["model_calls"] == (12 - 1 - 1) // 2  # all that is left, but for the supervisor's answer
    assert {key: notes[0]["author"] for key, notes in state["board"].items()} == {"ann": "ann", "risk": "bob"}
    assert (state["usage"]["m"]["calls"], state["work"]["steps"]) == (4, 4)
    shown = next(one.body["messages"][-1]["content"] for one in server.requests if speaker(one.body) == "ann")
    assert shown == "ann, look into it\n\nThe result must contain: a dose"


def test_one_that_fails_is_told_and_the_others_are_heard(server: OpenAIServer, lead: Run) -> None:
    plays(server, [asks(("ann", {}), ("bob", {})), Reply("Bob says 5 mg.")], ann=error(401), bob=Reply("5 mg."))
    state = lead()
    failed, good = results(state)
    assert failed.startswith("ann failed: ModelAnswerError")
    assert good == "5 mg."
    assert [done["status"] for done in state["delegations"].values()] == ["failed", "done"]
    assert state["messages"][-1].text.startswith("Bob says 5 mg.\n\nNot settled:\n- ann failed: ModelAnswerError")


def test_two_that_write_one_note_contradict_each_other_until_it_is_settled(server: OpenAIServer, lead: Run) -> None:
    both = asks(("ann", {"key": "dose"}), ("bob", {"key": "dose"}))
    plays(server, [both, Reply("Unclear.")], ann=Reply("5 mg."), bob=Reply("10 mg."))
    state = lead()
    assert [(one["key"], one["authors"]) for one in state["conflicts"]] == [("dose", ["ann", "bob"])]
    assert "In contradiction: dose, by ann and bob" in server.requests[-1].body["messages"][0]["content"]
    assert state["messages"][-1].text == "Unclear.\n\nNot settled:\n- ann and bob contradict each other on dose"

    server.requests.clear()
    settling = asks(("ann", {"key": "dose", "notes": ["dose"]}))
    plays(server, [settling, Reply("5 mg.")], ann=Reply("5 mg, for children."))
    state = lead()
    assert (state["conflicts"], state["messages"][-1].text) == ([], "5 mg.")
    shown = next(one.body["messages"][-1]["content"] for one in server.requests if speaker(one.body) == "ann")
    assert 'author="ann" version="1"' in shown
    assert "10 mg." in shown
    assert [done["to"] for done in state["delegations"].values()] == ["ann"]  # of this run


def test_calls_that_make_no_sense_are_explained(server: OpenAIServer, lead: Run) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("ask_eve", {"request": "x"}),
        ("ask_ann", {}),
        ("ask_ann", {"request": "x", "notes": ["none"]}),
    ]
    calls += [("ask_bob", {"request": "x", "notes": "dose"})]
    plays(server, [Reply(calls=tuple(calls)), Reply("Sorry.")])
    state = lead()
    unknown, bare, missing, wrong = results(state)
    assert unknown == "There is no tool 'ask_eve'. The tools are: ask_ann, ask_bob."
    assert bare.startswith("bad arguments: request: Field required")
    assert missing == "There is no note 'none' on the board. The notes are: none."
    assert wrong.startswith("bad arguments: notes: Input should be a valid list")
    assert state["delegations"] == {}


def test_a_supervisor_that_never_ends_is_ended_and_so_are_its_specialists(server: OpenAIServer, lead: Run) -> None:
    lock, number = threading.Lock(), iter(range(999))

    def scenario(body: dict[str, Any]) -> Answer:
        with lock:
            again = str(next(number))
        if "tools" not in body:
            return Reply(f"Enough, says {speaker(body)}.")
        return asks(("ann", {"key": again})) if speaker(body) == "lead" else Reply(calls=(("look", {"place": again}),))

    server.scenario = scenario
    state = lead(budget={"model_calls": 9})
    assert state["usage"]["m"]["calls"] == len(server.requests) <= 9
    assert "Enough, says lead." in state["messages"][-1].text
    assert "ann stopped: the budget of" in state["messages"][-1].text
    assert "model calls is" in state["stopped"]


def test_one_who_asks_the_same_again_and_again_gets_nowhere(server: OpenAIServer, lead: Run) -> None:
    def scenario(body: dict[str, Any]) -> Answer:
        if speaker(body) != "lead":
            return Reply("5 mg.")
        return asks(("ann", {})) if "tools" in body else Reply("5 mg, then.")

    server.scenario = scenario
    state = lead()
    assert [one["kind"] for one in state["interventions"]] == ["nudge", "replan", "stop"]
    assert state["stopped"].startswith("no progress")


def test_a_person_may_give_more_budget(server: OpenAIServer, lead: Run) -> None:
    number = iter(range(99))

    def scenario(body: dict[str, Any]) -> Answer:
        if speaker(body) != "lead":
            return Reply("5 mg.")
        return asks(("ann", {"key": str(next(number))})) if "tools" in body else Reply("That is all.")

    server.scenario = scenario
    options: Any = {"budget": {"model_calls": 3}, "at_limit": "ask"}
    assert pause(lead(**options))["kind"] == "budget"
    question = pause(lead(Command(resume={"model_calls": 2}), **options))
    assert question["details"]["spent"]["model_calls"] == 4
    state = lead(Command(resume={"stop": True}), **options)
    assert state["messages"][-1].text.startswith("That is all.")
    assert (len(server.requests), len(state["delegations"])) == (5, 2)


def test_who_can_pay_for_no_specialist_answers_at_once_and_says_so(server: OpenAIServer, lead: Run) -> None:
    """A delegation whose result nobody could read, or that nobody could carry out, would be in vain."""
    server.scenario = lambda body: asks(("ann", {})) if "tools" in body else Reply("About 5 mg, I think.")
    state = lead(budget={"model_calls": 2})
    assert (len(server.requests), state["delegations"]) == (1, {})
    told = server.requests[0].body["messages"][0]["content"]
    assert "Note: the budget of 2 model calls has no room for a specialist. Answer now" in told
    assert state["messages"][-1].text == "About 5 mg, I think."
    assert (state["stopped"], bool(state["finished_at"])) == (
        "the budget of 2 model calls has no room for a specialist",
        True,
    )


def test_a_person_may_pay_for_a_specialist(server: OpenAIServer, lead: Run) -> None:
    plays(server, [asks(("ann", {})), Reply("5 mg, says ann.")], ann=Reply("5 mg."))
    options: Any = {"budget": {"model_calls": 2}, "at_limit": "ask"}
    question = pause(lead(**options))
    assert "The budget of 2 model calls has no room for a specialist." in question["prompt"]
    assert "no room for a specialist" in pause(lead(Command(resume={"tokens": 5}), **options))["refused"]
    assert pause(lead(Command(resume={"model_calls": 1}), **options))["kind"] == "budget"  # to go on after the answer
    state = lead(Command(resume={"stop": True}), **options)
    assert (state["messages"][-1].text.split("\n")[0], len(server.requests)) == ("5 mg, says ann.", 3)


def test_5_mb_of_a_specialist_are_cut(server: OpenAIServer, lead: Run) -> None:
    big: Any = StateGraph(MessagesState)
    big.add_node("say", lambda state: {"messages": [AIMessage("x" * 5_000_000)]})
    big.add_edge(START, "say")
    plays(server, [asks(("eve", {})), Reply("All x.")])
    state = lead(team=[Member("eve", "Eve.", big.compile())])
    assert state["messages"][-1].text == "All x."
    assert len(str(state)) < 200_000
    assert len(str(server.requests[-1].body)) < 100_000


@pytest.mark.parametrize(("seconds", "deadline"), [(0.3, 900), (60, 0.3)])
def test_a_foreign_specialist_that_hangs_is_left_behind(
    server: OpenAIServer, lead: Run, monkeypatch: pytest.MonkeyPatch, seconds: float, deadline: float
) -> None:
    let_go = threading.Event()

    def scarce(rest: Limits, branches: int) -> list[Limits]:
        """A budget that is nearly used up, but for eve only: how long ann takes is for the machine to say."""
        anns, eves = shares(rest, branches)
        return [anns, Limits(**{**eves, "seconds": seconds})]

    def hang(state: Any) -> dict[str, Any]:
        let_go.wait(30)
        return {}

    stuck: Any = StateGraph(MessagesState)
    stuck.add_node("hang", hang)
    stuck.add_edge(START, "hang")
    plays(server, [asks(("ann", {}), ("eve", {})), Reply("Ann says 5 mg.")], ann=Reply("5 mg."))
    eve = Member("eve", "Eve.", stuck.compile(), deadline=deadline)
    monkeypatch.setattr("threadloom.nodes.assign.shares", scarce)
    state = lead(team=[member(server, "ann"), eve])
    let_go.set()
    good, late = results(state)
    assert (good, late.startswith("eve failed: no answer within")) == ("5 mg.", True)
    assert [done["status"] for done in state["delegations"].values()] == ["done", "failed"]
    assert "Not settled:\n- eve failed: no answer within" in state["messages"][-1].text


class Killed(BaseException):
    """Stands for the end of the process."""


def test_a_specialist_that_had_answered_is_not_asked_again_after_a_crash(server: OpenAIServer, saver: SQLSaver) -> None:
    done, dying, asked = threading.Event(), [True], [0]

    @tool
    def fragile() -> str:
        """Breaks the first time."""
        done.wait(10)
        if dying:
            dying.clear()
            raise Killed
        return "whole"

    def scenario(body: dict[str, Any]) -> Answer:
        last = body["messages"][-1]["role"]
        if speaker(body) == "lead":
            return Reply("Both said so.") if last == "tool" else asks(("ann", {}), ("bob", {}))
        if speaker(body) == "ann":
            asked[0] += 1
            return Reply("Ann knows.")
        return Reply("Bob knows.") if last == "tool" else Reply(calls=(("fragile", {}),))

    @tool
    def look(place: str) -> str:
        """Looks."""
        return place

    server.scenario = scenario
    bob = react.build(models=models(server), tools=[fragile], prompt="You are bob.", name="bob").compile()
    graph = build(models=models(server), team=[member(server, "ann"), Member("bob", "Bob.", bob)])
    flow = graph.compile(checkpointer=saver)

    def run_until_killed() -> None:
        modes: Any = ["custom", "updates"]
        stream: Any = flow.stream(ASKED, THREAD, stream_mode=modes)
        for _, update in stream:
            if update.get("event") == "delegation_ended":
                done.set()

    with pytest.raises(Killed):
        run_until_killed()
    state = flow.invoke(None, THREAD)
    assert (asked, results(state)) == ([1], ["Ann knows.", "Bob knows."])
    assert state["messages"][-1].text == "Both said so."


def test_whom_the_budget_leaves_nothing_is_not_asked(server: OpenAIServer, lead: Run) -> None:
    """Nor is an agent that minds no budget: it would spend what nobody has."""
    asked: list[str] = []

    def mindless(state: MessagesState) -> dict[str, Any]:
        asked.append("eve")
        return {"messages": [AIMessage("I always answer.")]}

    graph = StateGraph(MessagesState)
    graph.add_node("mindless", mindless)
    graph.add_edge(START, "mindless")
    team = [member(server, "ann"), Member("eve", "All.", graph.compile())]
    plays(server, [asks(("ann", {}), ("eve", {})), Reply("Ann says 5 mg.")], ann=Reply("5 mg."))
    state = lead(team=team, budget=Limits(model_calls=3))
    assert (len(server.requests), asked) == (3, [])
    assert results(state)[1] == "eve failed: the budget left no model calls for it."
    assert "- eve failed: the budget left no model calls for it" in state["messages"][-1].text
    assert list(state["board"]) == ["ann"]


def test_a_specialist_whose_time_is_up_is_told_as_such_and_writes_no_note(
    server: OpenAIServer, lead: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "threadloom.nodes.delegate.RESERVE", 0.99
    )  # it is told 0.6 s, and has a minute to end by itself
    slow = member(server, "ann")._replace(deadline=60)
    plays(server, [asks(("ann", {})), Reply("Nobody knows.")], ann=Hang())
    state = lead(team=[slow])
    assert results(state) == ["ann failed: its time of 60 s is used up."]
    assert state["messages"][-1].text == "Nobody knows.\n\nNot settled:\n- ann failed: its time of 60 s is used up"
    assert state["board"] == {}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"team": []}, "team: none given"),
        ({"team": [Member("ann", "a", None), Member("ann", "b", None)]}, "team: more than one is named ann"),
        ({"team": [Member("an n", "a", None)]}, "team: 'an n' is no name"),
        ({"budget": {"model_calls": 0}}, "budget: model_calls is 0, which allows nothing"),
        ({"budget": {"usd": 1.0}}, "budget: usd cannot be kept, the price of m is not known"),
    ],
)
def test_what_cannot_work_is_said_when_it_is_built(server: OpenAIServer, options: Any, why: str) -> None:
    unpriced = Models({"m": entry(server, input_price=None)}, {"default": ("m",)})
    with pytest.raises(ValueError, match=why):
        build(**{"models": unpriced, "team": [Member("ann", "a", None)], **options})


@pytest.mark.parametrize(
    "question", ["How effective are mRNA vaccines against Covid-19?", "Compare CRISPR to older ways"]
)
def test_the_ready_team_works_without_a_language_model(monkeypatch: pytest.MonkeyPatch, question: str) -> None:
    monkeypatch.setenv("THREADLOOM_DISABLED", "europepmc,crossref,arxiv,openalex")
    state = build(models=Models()).compile().invoke({"messages": [{"role": "user", "content": question}]})
    assert [done["to"] for done in state["delegations"].values()] == ["searcher", "analyst", "writer"]
    assert {done["status"] for done in state["delegations"].values()} == {"done"}
    assert "95% effective" in state["messages"][-1].text or "Cas9" in state["messages"][-1].text
    assert "no language model" in state["messages"][-1].text

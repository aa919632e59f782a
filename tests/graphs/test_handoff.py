"""Peers hand a conversation over: each sees what is meant for it, going round ends explained, a person may answer."""

import asyncio
import threading
from typing import Any

import pytest
from langchain_core.tools import tool
from langgraph.types import Command

from tests.graphs.agents import THREAD, Run, entry, models, pause, results, sending
from tests.servers.openai_server import Answer, OpenAIServer, Reply
from threadloom.checkpoints import SQLSaver
from threadloom.graphs.handoff import build
from threadloom.models.roles import Models
from threadloom.nodes.choose import by_effort
from threadloom.nodes.handoff import Peer

ASKED: Any = {"messages": [{"role": "user", "content": "The printer smokes."}]}


@tool
def look(place: str) -> str:
    """Look something up."""
    return f"seen in {place}"


def peer(name: str, *to: str, **options: Any) -> Peer:
    return Peer(name, f"Knows all about {name}.", f"You are {name}.", to=to, **options)


def speaker(body: dict[str, Any]) -> str:
    return str(body["messages"][0]["content"]).removeprefix("You are ").split(".")[0]


def hands(to: str, message: str = "It smokes.") -> tuple[str, dict[str, Any]]:
    return (f"hand_to_{to}", {"message": message})


def plays(server: OpenAIServer, **turns: list[Answer]) -> None:
    """Each peer says its own lines in turn, the last one again and again."""

    def scenario(body: dict[str, Any]) -> Answer:
        lines = turns[speaker(body)]
        return lines.pop(0) if len(lines) > 1 else lines[0]

    server.scenario = scenario


def shown(server: OpenAIServer, who: str) -> list[dict[str, Any]]:
    """What a peer was last shown, without its system message."""
    messages: list[dict[str, Any]] = [one.body for one in server.requests if speaker(one.body) == who][-1]["messages"]
    return messages[1:]


@pytest.fixture(params=["sync", "async"])
def talk(request: pytest.FixtureRequest, server: OpenAIServer, saver: SQLSaver) -> Run:
    """Runs peers on thread `t`, through `invoke` or `ainvoke`."""

    def call(peers: list[Peer], given: Any = ASKED, **options: Any) -> Any:
        graph = build(**{"models": models(server), "peers": peers, **options}).compile(checkpointer=saver)
        return asyncio.run(graph.ainvoke(given, THREAD)) if request.param == "async" else graph.invoke(given, THREAD)

    return call


def test_a_peers_role_may_be_chosen_by_the_task(server: OpenAIServer, talk: Run) -> None:
    plays(server, desk=[Reply("No smoke without fire.")])
    both = Models({"s": entry(server, "small"), "l": entry(server, "large")}, {"default": ("s",), "strong": ("l",)})
    hard: Any = {"messages": [{"role": "user", "content": "Why does it smoke? Prove and compare it."}]}
    state = talk([peer("desk", role=by_effort("cheap", "strong"))], hard, models=both)
    reason = "hard: compare, prove, why"
    assert state["choices"] == [{"node": "desk", "role": "strong", "model": "large", "reason": reason}]
    assert server.requests[0].body["model"] == "large"


def test_tools_come_first_then_the_next_peer_has_it_and_keeps_it(server: OpenAIServer, talk: Run) -> None:
    both = Reply(calls=(hands("bob", "Smoke, found nothing."), ("look", {"place": "the manual"})))
    plays(server, ann=[both], bob=[Reply("Pull the plug."), Reply("You are welcome.")])
    peers = [peer("ann", "bob", tools=[look]), peer("bob", "ann")]
    state = talk(peers)
    assert results(state) == ["seen in the manual", "bob has it now."]
    assert state["handoffs"] == [{"origin": "ann", "to": "bob", "message": "Smoke, found nothing.", "refused": ""}]
    assert (state["messages"][-1].text, state["messages"][-1].name, state["stopped"]) == ("Pull the plug.", "bob", "")
    assert "Smoke, found nothing." in str(server.requests[-1].body["messages"][0]["content"])

    state = talk(peers, {"messages": [{"role": "user", "content": "Thank you."}]})
    assert (state["messages"][-1].text, state["active"], state["handoffs"]) == ("You are welcome.", "bob", [])


@pytest.mark.parametrize(
    ("sees", "sight"),
    [
        ("full", ["The printer smokes.", '<message author="ann">\nI see smoke.\n</message>']),
        ("own", ["The printer smokes."]),
        ("summary", ["<summary>\nIt smokes.\n</summary>", "The printer smokes."]),
    ],
)
def test_a_peer_sees_what_is_meant_for_it(server: OpenAIServer, talk: Run, sees: Any, sight: list[str]) -> None:
    plays(server, ann=[Reply("I see smoke.", calls=(hands("bob"),))], bob=[Reply("Pull the plug.")])
    talk([peer("ann", "bob"), peer("bob", sees=sees)])
    assert [message["content"] for message in shown(server, "bob")] == sight


@pytest.mark.parametrize("sees", ["full", "own", "summary"])
def test_a_summary_of_what_one_peer_saw_hides_nothing_from_the_next(server: OpenAIServer, talk: Run, sees: Any) -> None:
    """Each has its own: it stands for other messages, and may tell what another must not know."""
    places = [Reply(calls=(("look", {"place": f"room {number} " + "x" * 300}),)) for number in range(6)]
    turns: dict[str, list[Answer]] = {
        "ann": [*places, Reply(calls=(hands("bob", "Fire."),))],
        "bob": [Reply(calls=(("look", {"place": "the cellar"}),)), Reply("Bob saw it.")],
    }
    plays(server, **turns)
    said = server.scenario
    server.scenario = lambda body: Reply("SECRET") if speaker(body).startswith("Summarise") else said(body)
    peers = [peer("ann", "bob", tools=[look]), peer("bob", tools=[look], sees=sees)]
    state = talk(peers, window=400)
    assert state["summaries"]["ann"]["text"] == "SECRET"
    assert [(one["role"], one["content"]) for one in shown(server, "bob")[-3:]] == [
        ("user", "The printer smokes."),
        ("assistant", None),
        ("tool", "seen in the cellar"),
    ]
    assert "SECRET" not in str(server.requests[-1].body)
    assert state["messages"][-1].text == "Bob saw it."


def test_going_round_is_refused_and_the_peer_answers(server: OpenAIServer, talk: Run) -> None:
    plays(server, ann=[Reply(calls=(hands("bob"),)), Reply(calls=(hands("bob"),)), Reply("Then pull the plug.")])
    back = Reply(calls=(hands("ann"),))
    server_plays = server.scenario
    server.scenario = lambda body: back if speaker(body) == "bob" else server_plays(body)
    state = talk([peer("ann", "bob"), peer("bob", "ann")])
    assert [one["refused"] for one in state["handoffs"]][:2] == ["", ""]
    assert (
        state["handoffs"][2]["refused"]
        == "the conversation goes round (ann → bob → ann → bob); answer with what you have"
    )
    assert (state["messages"][-1].text, state["stopped"]) == ("Then pull the plug.", "")


def test_peers_that_never_stop_handing_over_are_stopped_and_it_says_why(server: OpenAIServer, talk: Run) -> None:
    plays(server, ann=[Reply(calls=(hands("bob"),))], bob=[Reply(calls=(hands("ann"),))])
    state = talk([peer("ann", "bob"), peer("bob", "ann")])
    assert len(server.requests) == 4
    assert state["stopped"].startswith("the conversation goes round (ann → bob → ann → bob)")
    assert state["messages"][-1].text.startswith("The run was stopped without an answer: the conversation goes round")
    assert state["finished_at"]


def test_only_who_was_told_of_going_round_is_stopped_for_it(server: OpenAIServer, talk: Run) -> None:
    both = Reply(calls=(hands("bob"), hands("eva")))
    back = Reply(calls=(hands("ann"), hands("ann")))
    round_ = Reply(calls=(hands("bob"), hands("bob")))
    plays(server, ann=[both, round_, Reply("Then pull the plug.")], bob=[back], eva=[Reply("No.")])
    state = talk([peer("ann", "bob", "eva"), peer("bob", "ann"), peer("eva")])
    assert [bool(one["refused"]) for one in state["handoffs"]] == [False, True, False, True, True, True]
    assert (state["messages"][-1].text, state["stopped"]) == ("Then pull the plug.", "")


def test_wrong_arguments_do_not_end_the_run(server: OpenAIServer, talk: Run) -> None:
    wrong = [Reply(calls=(("hand_to_bob", args),)) for args in ({}, {"text": "It smokes."}, {"message": ""})]
    plays(server, ann=[*wrong, Reply(calls=(hands("bob"),))], bob=[Reply("Pull.")])
    state = talk([peer("ann", "bob"), peer("bob")])
    assert (state["messages"][-1].text, state["stopped"]) == ("Pull.", "")
    assert [one["refused"].startswith("bad arguments: ") for one in state["handoffs"]] == [True, True, True, False]
    assert not any("{" in one["refused"] for one in state["handoffs"])


def test_handoffs_that_make_no_sense_are_explained(server: OpenAIServer, talk: Run) -> None:
    calls: Any = (hands("eve"), ("hand_to_bob", {}), ("look", {"place": "x"}))
    plays(
        server,
        ann=[Reply(calls=calls), Reply(calls=(hands("bob"), hands("eva")))],
        bob=[Reply("Pull.")],
        eva=[Reply("No")],
    )
    state = talk([peer("ann", "bob", "eva"), peer("bob", tools=[look]), peer("eva")])
    unknown, foreign, bare, done, second = results(state)
    assert unknown.startswith("There is no tool 'hand_to_eve'.")
    assert foreign.startswith("There is no tool 'look'.")  # which is bob's
    assert bare.startswith("Not handed over: bad arguments: message: Field required")
    assert (done, second) == ("bob has it now.", "Not handed over: a conversation goes to one at a time.")
    assert state["messages"][-1].text == "Pull."


def test_a_handoff_that_cannot_be_read_is_explained_too(server: OpenAIServer, talk: Run) -> None:
    plays(server, ann=[Reply(calls=(("hand_to_bob", "{"),)), Reply(calls=(hands("bob"),))], bob=[Reply("Pull.")])
    state = talk([peer("ann", "bob"), peer("bob")])
    broken, done = results(state)
    assert broken == "Not handed over: The arguments are not a JSON object: {."
    assert (done, [one["refused"] for one in state["handoffs"]][1:]) == ("bob has it now.", [""])
    assert broken in str(server.requests[1].body["messages"])


def test_a_person_answers_and_is_asked_again_when_the_answer_does_not_fit(server: OpenAIServer, talk: Run) -> None:
    plays(server, ann=[Reply("One moment.", calls=(hands("eve", "It burns."),))])
    peers = [peer("ann", "eve"), Peer("eve", "A person.", person=True)]
    question = pause(talk(peers))
    assert (question["kind"], question["details"]) == ("reply", {"origin": "ann", "message": "It burns."})
    assert question["markdown"] == "**human**: The printer smokes.\n\n**ann**: One moment."
    assert "text: " in pause(talk(peers, Command(resume={"text": " "})))["refused"]
    state = talk(peers, Command(resume={"text": "I am coming."}))
    assert (state["messages"][-1].text, state["messages"][-1].name) == ("I am coming.", "eve")
    assert (len(server.requests), bool(state["finished_at"])) == (1, True)


def test_a_budget_ends_the_run_softly(server: OpenAIServer, talk: Run) -> None:
    server.scenario = lambda body: Reply(calls=(hands("bob"),)) if "tools" in body else Reply("Pull the plug.")
    state = talk([peer("ann", "bob"), peer("bob", "ann")], budget={"model_calls": 2})
    assert (state["messages"][-1].text, len(server.requests)) == ("Pull the plug.", 2)
    assert "model calls" in state["stopped"]


EVE = Peer("eve", "A person.", person=True)


def test_a_person_is_asked_though_the_budget_is_over(server: OpenAIServer, talk: Run) -> None:
    """Whoever answers without a model costs nothing; other calls of the same message are not carried out."""
    plays(server, ann=[Reply(calls=(hands("eve"), ("look", {"place": "the manual"})))])
    peers = [peer("ann", "eve", tools=[look]), EVE]
    options: Any = {"budget": {"tokens": 15}}
    assert pause(talk(peers, **options))["details"] == {"origin": "ann", "message": "It smokes."}
    state = talk(peers, Command(resume={"text": "I am coming."}), **options)
    assert (state["messages"][-1].text, state["stopped"], len(server.requests)) == ("I am coming.", "", 1)
    assert results(state) == ["Not carried out: the budget of 15 tokens is used up.", "eve has it now."]


LAST = [{"model_calls": 1}, {"steps": 2}, {"model_calls": 1, "steps": 1}]


@pytest.mark.parametrize("budget", LAST)
def test_the_last_call_of_a_budget_may_hand_over_to_a_person(server: OpenAIServer, talk: Run, budget: Any) -> None:
    plays(server, ann=[Reply("One moment.", calls=(hands("bob"), ("look", {"place": "x"}), hands("eve")))])
    peers = [peer("ann", "bob", "eve", tools=[look]), peer("bob"), EVE]
    assert pause(talk(peers, budget=budget))["details"] == {"origin": "ann", "message": "It smokes."}
    state = talk(peers, Command(resume={"text": "I am coming."}), budget=budget)
    assert (state["messages"][-1].text, state["stopped"], len(server.requests)) == ("I am coming.", "", 1)
    assert results(state) == ["eve has it now."]
    body = server.requests[0].body
    assert [one["function"]["name"] for one in body["tools"]] == ["hand_to_eve"]
    assert "No more tools can be called, except hand_to_eve." in body["messages"][0]["content"]


def test_who_gets_nowhere_may_hand_over_to_a_person_at_last(server: OpenAIServer, talk: Run) -> None:
    again = Reply(calls=(("look", {"place": "the manual"}),))
    server.scenario = lambda body: again if len(body["tools"]) > 1 else Reply(calls=(hands("eve"),))
    assert pause(talk([peer("ann", "eve", tools=[look]), EVE]))["kind"] == "reply"


@pytest.mark.parametrize("call", [hands("bob"), ("hand_to_eve", {}), ("hand_to_eve", "{")])
def test_the_last_call_of_a_budget_does_nothing_else(server: OpenAIServer, talk: Run, call: Any) -> None:
    plays(server, ann=[Reply("Pull the plug.", calls=(call,))])
    state = talk([peer("ann", "bob", "eve"), peer("bob"), EVE], budget={"model_calls": 1})
    assert (state["messages"][-1].text, state["handoffs"], len(server.requests)) == ("Pull the plug.", [], 1)
    assert state["stopped"] == "the budget of 1 model calls is nearly used up"


def test_a_person_who_gets_it_is_not_asked_for_more_budget(server: OpenAIServer, talk: Run) -> None:
    plays(server, ann=[Reply(calls=(hands("eve"),))])
    options: Any = {"budget": {"model_calls": 2}, "at_limit": "ask"}
    assert pause(talk([peer("ann", "eve"), EVE], **options))["kind"] == "reply"


def test_nobody_else_gets_it_when_the_budget_is_over(server: OpenAIServer, talk: Run) -> None:
    plays(server, ann=[Reply(calls=(hands("bob"), hands("eve")))])
    state = talk([peer("ann", "bob", "eve"), peer("bob"), EVE], budget={"tokens": 15})
    assert state["messages"][-1].text.startswith("The run was stopped without an answer: the budget of 15 tokens")


def test_what_the_last_peer_does_not_know_reaches_a_person_at_the_end_of_the_budget(saver: SQLSaver) -> None:
    desk = build(models=Models(), budget={"model_calls": 3}).compile(checkpointer=saver)
    paused = desk.invoke({"messages": [{"role": "user", "content": "What do you think of Mozart?"}]}, THREAD)
    assert pause(paused)["kind"] == "reply"


def test_what_acts_waits_for_a_person_whoever_calls_it(server: OpenAIServer, talk: Run) -> None:
    log: list[str] = []
    mail = ("send", {"to": "eve"})
    plays(server, ann=[Reply(calls=(mail, hands("bob")))], bob=[Reply(calls=(mail,)), Reply("Sent.")])
    peers = [peer("ann", "bob", tools=[sending(log)]), peer("bob", tools=[sending(log)])]
    question = pause(talk(peers))
    assert (question["kind"], question["details"]["tool"], log) == ("call", "send", [])
    assert pause(talk(peers, Command(resume={"action": "edit", "args": {"to": 5}})))["refused"]
    pause(talk(peers, Command(resume={"action": "reject", "text": "No."})))
    state = talk(peers, Command(resume={"action": "approve"}))
    assert (log, [act["tool"] for act in state["acts"]], state["messages"][-1].text) == (["eve: "], ["send"], "Sent.")


def test_nothing_waits_where_nothing_is_to_be_reviewed(server: OpenAIServer, talk: Run) -> None:
    log: list[str] = []
    plays(server, ann=[Reply(calls=(("send", {"to": "eve"}),)), Reply("Sent.")])
    state = talk([peer("ann", tools=[sending(log)])], review=lambda _: False)
    assert (log, state["messages"][-1].text) == (["eve: "], "Sent.")


def test_a_person_may_give_more_budget(server: OpenAIServer, talk: Run) -> None:
    places = iter(range(99))

    def looks(body: dict[str, Any]) -> Answer:
        if "tools" not in body:
            return Reply("That is all.")
        if speaker(body) == "ann":
            return Reply(calls=(hands("bob"),))
        return Reply(calls=(("look", {"place": str(next(places))}),))

    server.scenario = looks
    options: Any = {"budget": {"model_calls": 2}, "at_limit": "ask"}
    peers = [peer("ann", "bob"), peer("bob", tools=[look])]
    assert pause(talk(peers, **options))["kind"] == "budget"
    question = pause(talk(peers, Command(resume={"model_calls": 2}), **options))
    assert question["details"]["spent"]["model_calls"] == 3
    state = talk(peers, Command(resume={"stop": True}), **options)
    assert (state["messages"][-1].text, state["active"], len(server.requests)) == ("That is all.", "bob", 4)


def test_a_tool_of_a_peer_that_hangs_is_left_behind(server: OpenAIServer, talk: Run) -> None:
    let_go = threading.Event()

    @tool
    def hang() -> str:
        """Never answers."""
        let_go.wait(30)
        return "late"

    plays(server, ann=[Reply(calls=(("hang", {}),)), Reply("It hangs.")])
    state = talk([peer("ann", tools=[hang])], timeout={"hang": 0.2})
    let_go.set()
    assert results(state) == ["hang gave no answer within 0.2 s."]
    assert state["messages"][-1].text == "It hangs."


def test_5_mb_of_a_peers_tool_never_reach_the_next_peer(server: OpenAIServer, talk: Run) -> None:
    @tool
    def dump() -> str:
        """Everything."""
        return "x" * 5_000_000

    plays(server, ann=[Reply(calls=(("dump", {}), hands("bob")))], bob=[Reply("All x.")])
    state = talk([peer("ann", "bob", tools=[dump]), peer("bob")])
    assert state["messages"][-1].text == "All x."
    assert len(str(state)) < 100_000


@pytest.mark.parametrize(
    ("peers", "why"),
    [
        ([], "peers: none given"),
        ([peer("ann"), peer("ann")], "peers: more than one is named ann"),
        ([peer("tool")], "peers: 'tool' is a node of this graph"),
        ([peer("approve")], "peers: 'approve' is a node of this graph"),
        ([peer("ann", "bob")], "peers: ann cannot hand over to bob; there are ann"),
        ([peer("ann", "ann")], "peers: ann cannot hand over to ann"),
        ([peer("ann"), peer("bob", "ann")], "peers: nobody ever hands over to bob"),
        ([peer("ann", tools=[look, look])], "tools: more than one is named look"),
        ([peer("ann", "eve"), peer("eve", "ann", person=True)], "peers: eve is a person"),
    ],
)
def test_what_cannot_work_is_said_when_it_is_built(peers: list[Peer], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        build(models=Models(), peers=peers)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"timeout": -1}, "timeout: -1 is not a number of seconds"),
        ({"timeout": {"nix": 3}}, "timeout: there is no tool 'nix'; there are look"),
        ({"window": 0}, "window: 0 is not a number of tokens"),
    ],
)
def test_options_that_cannot_work_are_said_when_it_is_built(options: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        build(models=Models(), peers=[peer("ann", tools=[look])], **options)


def test_the_ready_desk_without_a_language_model_answers_from_its_pages_and_leaves_the_rest_to_a_person(
    saver: SQLSaver,
) -> None:
    desk = build(models=Models()).compile(checkpointer=saver)
    answered = desk.invoke({"messages": [{"role": "user", "content": "The app crashes with an error."}]}, THREAD)
    assert [one["to"] for one in answered["handoffs"]] == ["tier2"]
    assert "install the newest version" in answered["messages"][-1].text
    assert "no language model" in answered["messages"][-1].text
    both = {"role": "user", "content": "How do I cancel? And this is a scandal, I want my money back!"}
    text = desk.invoke({"messages": [both]}, {"configurable": {"thread_id": "both"}})["messages"][-1].text
    assert ("within 30 days" in text, "Account, Plan, Cancel" in text) == (True, True)
    other: Any = {"configurable": {"thread_id": "other"}}
    paused = desk.invoke({"messages": [{"role": "user", "content": "What do you think of Mozart?"}]}, other)
    assert [one["to"] for one in paused["handoffs"]] == ["tier1", "tier2", "person"]
    state = desk.invoke(Command(resume={"text": "We love him."}), other)
    assert state["messages"][-1].text == "We love him."

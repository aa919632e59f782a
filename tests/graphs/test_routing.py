"""Routing: who gets a message, what becomes of an answer that is no good, and what a person decides."""

import asyncio
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langgraph.graph import START, StateGraph
from langgraph.types import Command

from tests.graphs.agents import THREAD, looks, models, pause, weather
from tests.servers.openai_server import Answer, Hang, OpenAIServer, Reply, structured
from threadloom.checkpoints import SQLSaver
from threadloom.graphs import react
from threadloom.graphs.routing import build
from threadloom.models.extractive.courtesy import kindness
from threadloom.models.roles import Models
from threadloom.nodes.entrust import entrust
from threadloom.nodes.handler import Handler
from threadloom.state.agent import AgentState
from threadloom.state.routing import Handled, Task
from threadloom.tools.knowledge.articles import Knowledge

Desk = Callable[..., Any]
RESET = "How do I reset my password?"
BOTH = "I was charged twice and now I can't even log in. Sort this out!"
PAGE = "Press Forgot password on the login page."
KNOWLEDGE = Knowledge([{"id": "p", "title": "Reset a password", "text": f"{PAGE} It does not work on Mondays."}])
GOOD = {"text": PAGE, "quote": PAGE}
CALM = {"sentiment": "neutral", "angry": False, "wants_person": False, "mood_reasons": []}


@pytest.fixture(params=["sync", "async"])
def desk(request: pytest.FixtureRequest, saver: SQLSaver) -> Desk:
    """Runs the graph on thread `t`, without a key unless told, through `invoke` or `ainvoke`."""

    def call(given: Any, **options: Any) -> Any:
        if "model" not in options:
            options.setdefault("models", Models())
        graph = build(**options).compile(checkpointer=saver)
        given = {"messages": [HumanMessage(given)]} if isinstance(given, str) else given
        return asyncio.run(graph.ainvoke(given, THREAD)) if request.param == "async" else graph.invoke(given, THREAD)

    return call


def route(label: str, text: str = RESET, confidence: float = 0.9) -> dict[str, Any]:
    return {"label": label, "confidence": confidence, "reason": "it says so", "text": text}


def playing(**parts: Any) -> Callable[[dict[str, Any]], Answer]:
    """A model that classifies, reads the mood, and answers; `answers` are taken one a request."""
    answers = list(parts.get("answers", [{"claims": [GOOD]}]))

    def scenario(body: dict[str, Any]) -> Answer:
        told = body["messages"][0]["content"]
        if told.startswith("Say which"):
            return structured(body, {"routes": parts.get("routes", [route("technical")])})
        if told.startswith("Say how"):
            return structured(body, parts.get("mood", CALM))
        return structured(body, answers.pop(0) if len(answers) > 1 else answers[0])

    return scenario


def answering(name: str, about: str, text: str = "Fine.", problem: str = "") -> Handler:
    def handle(state: Task) -> dict[str, Any]:
        attempt, part = state["attempt"], state["route"]["text"]
        done = Handled(
            label=name, by=name, answer=f"{text} [{part}]", claims=[], dropped=[], problem=problem, attempt=attempt
        )
        return {"handled": {name: done}}

    return Handler(name, about, handle)


CATS, DOGS = answering("cats", "cat, kitten, meow"), answering("dogs", "dog, puppy, bark")


def test_the_desk_answers_with_sentences_of_its_pages_and_says_how(desk: Desk) -> None:
    state = desk(RESET)
    assert (state["outcome"], state["reason"]) == ("answered", "")
    [one] = state["handled"].values()
    assert (one["label"], one["by"], one["attempt"]) == ("technical", "extractive", 1)
    assert all(claim["text"] == claim["span"] for claim in one["claims"])
    said = state["messages"][-1].text
    assert said.startswith('To reset your password, press "Forgot password"')
    assert "Source: Log in and password" in said
    assert "no language model" in said
    assert state["finished_at"]


def test_an_angry_customer_with_two_wishes_gets_both_and_a_person_first(desk: Desk) -> None:
    question = pause(desk(BOTH))
    assert (question["kind"], question["details"]["reason"]) == ("escalation", "the customer is angry")
    draft = question["details"]["draft"]
    assert draft.startswith("I am sorry")
    assert draft.index("**Billing**: If you were charged twice") < draft.index("**Technical**: ")
    state = desk(Command(resume={"action": "reply"}))
    assert (state["outcome"], state["messages"][-1].text) == ("replied", draft)


@pytest.mark.parametrize(
    ("answer", "outcome", "last"),
    [
        ({"action": "reply", "text": "We will call you."}, "replied", "We will call you."),
        ({"action": "close"}, "closed", "This conversation was closed."),
        ({"action": "hand_over", "to": "Ann"}, "handed over", "Your message was handed over to Ann."),
    ],
)
def test_what_cannot_be_answered_goes_to_a_person(desk: Desk, answer: Any, outcome: str, last: str) -> None:
    question = pause(desk("Do you ship to Mars?"))
    assert "the knowledge base says nothing on this" in question["prompt"]
    state = desk(Command(resume=answer))
    assert (state["outcome"], state["messages"][-1].text) == (outcome, last)
    assert state["finished_at"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"action": "reply"}, "there is no draft to send"),
        ({"action": "hand_over"}, "hand_over needs it"),
        ({"action": "close", "text": "Bye"}, "close sends nothing"),
        ("close it", "an answer is a JSON object"),
    ],
)
def test_a_person_who_answers_wrongly_is_asked_again(desk: Desk, answer: Any, why: str) -> None:
    desk("Do you ship to Mars?")
    assert why in pause(desk(Command(resume=answer)))["refused"]
    assert desk(Command(resume={"action": "close"}))["outcome"] == "closed"


def test_greetings_thanks_and_praise_cost_nobody_anything(server: OpenAIServer, desk: Desk) -> None:
    for said in ("Good morning!", "thanks, that fixed it", "Your search is brilliant, I love it!"):
        state = desk(said, models=models(server))
        assert state["messages"][-1].text == kindness(said) != ""
        assert (state["routes"], state["handled"], bool(state["finished_at"])) == ([], {}, True)
    assert server.requests == []


def test_without_people_the_answer_says_what_is_missing(desk: Desk) -> None:
    state = desk("Do you ship to Mars?", people=False)
    assert state["messages"][-1].text == "This could not be answered: the knowledge base says nothing on this."
    assert state["outcome"] == "not answered"


def test_a_handler_that_would_have_nothing_else_to_go_by_is_not_asked_again(server: OpenAIServer, desk: Desk) -> None:
    server.scenario = playing(routes=[route("general", text="Mars")])
    for options in ({}, {"models": models(server)}):
        [one] = desk("Do you ship to Mars?", people=False, **options)["handled"].values()
        assert (one["problem"], one["attempt"]) == ("the knowledge base says nothing on this", 1)


def test_a_new_message_on_a_thread_begins_anew(desk: Desk) -> None:
    desk("Do you ship to Mars?", people=False)
    state = desk(RESET)
    assert list(state["handled"]) == ["technical"]
    assert state["reason"] == ""


def test_in_doubt_a_person_says_which_or_the_fallback_takes_it(desk: Desk) -> None:
    options: Any = {"handlers": [CATS, DOGS], "people": False}
    fell = desk("Tell me of fish.", **options)
    assert [(one["label"], one["reasons"]) for one in fell["routes"]] == [("dogs", ["nothing fits"])]
    assert desk("Tell me of fish.", fallback="cats", **options)["routes"][0]["label"] == "cats"
    asked = pause(desk("Tell me of fish.", at_doubt="ask", **options))
    assert (asked["kind"], asked["ids"]) == ("route", ["cats", "dogs"])
    again = pause(desk(Command(resume={"labels": ["fish"]}), at_doubt="ask", **options))
    assert again["refused"] == "labels: there is no fish; there are cats, dogs"
    state = desk(Command(resume={"labels": ["dogs", "cats"]}), at_doubt="ask", **options)
    assert set(state["handled"]) == {"dogs", "cats"}
    assert state["messages"][-1].text.startswith("**Dogs**: Fine.")


def test_answers_come_in_the_order_of_the_message_each_with_its_part(desk: Desk) -> None:
    state = desk("My puppy barks all night, and my kitten ate a sock.", handlers=[CATS, DOGS])
    assert state["messages"][-1].text.split("\n\n") == [
        "**Dogs**: Fine. [My puppy barks all night,]",
        "**Cats**: Fine. [and my kitten ate a sock.]",
    ]


def test_a_handler_that_fails_costs_the_other_nothing(desk: Desk) -> None:
    def fall(state: Task) -> dict[str, Any]:
        raise OSError("no disk")

    state = desk("a puppy, and a kitten", handlers=[CATS, Handler("dogs", DOGS.about, fall)], people=False)
    assert state["handled"]["cats"]["problem"] == ""
    assert (state["handled"]["dogs"]["problem"], state["handled"]["dogs"]["attempt"]) == ("OSError: no disk", 2)
    assert "This could not be answered: OSError: no disk." in state["messages"][-1].text
    assert state["reason"] == "dogs: OSError: no disk"


def test_a_handler_that_returns_nothing_is_named(desk: Desk) -> None:
    def silent(state: Task) -> Any:
        return None

    state = desk("a puppy, and a kitten", handlers=[CATS, Handler("dogs", DOGS.about, silent)], people=False)
    assert state["handled"]["dogs"]["problem"] == (
        "TypeError: the handler dogs returned None, not what it handled by label"
    )


def test_a_model_that_invents_is_told_so_once_and_then_goes_without(server: OpenAIServer, desk: Desk) -> None:
    lie = {"text": "It works on Mondays too.", "quote": "It works on Mondays too."}
    server.scenario = playing(answers=[{"claims": [lie, GOOD]}, {"claims": [GOOD]}])
    state = desk(RESET, models=models(server), knowledge=KNOWLEDGE)
    assert state["outcome"] == "answered"
    [one] = state["handled"].values()
    assert (one["answer"], one["attempt"], one["by"]) == (PAGE, 2, "m")
    told = [body.body["messages"][0]["content"] for body in server.requests]
    assert sum("refused: 1 of 2 sentences" in one for one in told) == 1
    assert state["usage"]["m"]["calls"] == 4


@pytest.mark.parametrize(
    "claim",
    [
        {"text": "It works.", "quote": "on Mondays."},
        {"text": "It does work on Mondays.", "quote": "work on Mondays."},
        {"text": "It takes 5 minutes.", "quote": PAGE},
        {"text": "", "quote": PAGE},
    ],
)
def test_a_model_that_goes_on_inventing_ends_at_a_person(server: OpenAIServer, desk: Desk, claim: Any) -> None:
    server.scenario = playing(answers=[{"claims": [claim]}])
    question = pause(desk(RESET, models=models(server), knowledge=KNOWLEDGE))
    assert "no sentence of the answer is carried by the knowledge base" in question["prompt"]
    assert question["details"]["draft"] == ""
    assert len(server.requests) == 4


def test_a_models_routes_are_checked(server: OpenAIServer, desk: Desk) -> None:
    made_up = route("technical", text="Give me a rebate")
    server.scenario = playing(routes=[route("sales"), made_up, route("technical"), route("billing", confidence=0.2)])
    state = desk(RESET, models=models(server), knowledge=KNOWLEDGE, people=False)
    assert [(one["label"], one["text"]) for one in state["routes"]] == [("technical", RESET), ("general", RESET)]
    assert state["routes"][1]["reasons"] == ["perhaps billing (0.20)"]


def test_a_model_that_cannot_be_had_is_replaced_and_that_is_said(server: OpenAIServer, desk: Desk) -> None:
    server.reply(Reply("no JSON at all"))
    state = desk(RESET, models=models(server))
    assert {"classify", "mood", "technical, attempt 1"} == set(state["notes"])
    assert [(one["node"], one["role"], one["model"]) for one in state["choices"]] == [
        ("classify", "router", "extractive"),
        ("mood", "judge", "extractive"),
        ("technical", "technical", "extractive"),
    ]
    assert "no usable answer from a language model" in state["choices"][0]["reason"]
    assert state["outcome"] == "answered"
    assert "no language model" in state["messages"][-1].text


def test_a_handler_can_be_an_agent_whose_numbers_are_checked(server: OpenAIServer, desk: Desk) -> None:
    agent = react.build(models=models(server), tools=[weather]).compile()
    handlers = [Handler("weather", "weather, rain, sunny", entrust(agent, "forecaster")), CATS]
    server.reply(looks("Lima"), Reply("Lima has 30 degrees."), looks("Lima"), Reply("Lima is sunny."))
    state = desk("What is the weather in Lima?", handlers=handlers)
    [one] = state["handled"].values()
    assert (one["by"], one["answer"], one["attempt"]) == ("forecaster", "Lima is sunny.", 2)
    assert [choice["role"] for choice in state["choices"] if choice["model"] == "m"] == ["agent"] * 4
    assert "no tool gave the number 30" in server.requests[2].body["messages"][-1]["content"]
    assert state["usage"]["m"]["calls"] == 4


@pytest.mark.parametrize(
    ("calls", "said"), [(1, "the budget left no model calls for it"), (2, "Press Forgot password")]
)
def test_a_budget_ends_softly(server: OpenAIServer, desk: Desk, calls: int, said: str) -> None:
    server.scenario = playing()
    given = {"messages": [HumanMessage(RESET)], "budget": {"model_calls": calls}}
    state = desk(given, models=models(server), knowledge=KNOWLEDGE, people=False)
    assert said in state["messages"][-1].text, "the answer comes before the mood"
    assert len(server.requests) == calls


def test_the_reason_that_comes_first_is_told_where_a_budget_ends_before_the_second_attempt(desk: Desk) -> None:
    used = {"m": {"calls": 9, "input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0}}

    def fall(state: Task) -> dict[str, Any]:
        done = Handled(label="dogs", by="", answer="", claims=[], dropped=[], problem="OSError: down", attempt=1)
        return {"handled": {"dogs": done}, "usage": used}

    given = {"messages": [HumanMessage("a puppy")], "budget": {"model_calls": 4}}
    state = desk(given, handlers=[CATS, Handler("dogs", DOGS.about, fall)], people=False)
    problem = "OSError: down (and no second attempt: the budget left no model calls for it)"
    assert (state["handled"]["dogs"]["problem"], state["outcome"]) == (problem, "not answered")


def test_a_handler_without_a_budget_is_visited_once_and_counts_no_step(server: OpenAIServer, desk: Desk) -> None:
    server.scenario = playing()
    state = desk({"messages": [HumanMessage(RESET)], "budget": {"model_calls": 1}}, models=models(server), people=False)
    assert {one["attempt"] for one in state["handled"].values()} == {1}
    assert state["work"]["steps"] == 2  # the route and the mood


@pytest.mark.parametrize("misfits", ["", "Answer", "Say"])
def test_no_budget_of_calls_is_ever_exceeded(server: OpenAIServer, misfits: str) -> None:
    lie = {"claims": [{"text": "It works on Mondays too.", "quote": "It works on Mondays too."}]}
    fits = playing(routes=[route("technical"), route("billing")], answers=[lie])

    def scenario(body: dict[str, Any]) -> Answer:
        bad = misfits and body["messages"][0]["content"].startswith(misfits)
        return Reply("No idea.") if bad else fits(body)

    server.scenario = scenario
    graph = build(models=models(server), knowledge=KNOWLEDGE, people=False).compile()
    for calls in range(9):
        server.requests.clear()
        state = graph.invoke({"messages": [HumanMessage(RESET)], "budget": {"model_calls": calls}})
        assert len(server.requests) <= calls
        answered = any(one["answer"] for one in state["handled"].values())
        assert (state["outcome"], bool(state["finished_at"])) == ("answered" if answered else "not answered", True)
        assert state["messages"][-1].text


@pytest.mark.parametrize("limit", [{"tokens": 30}, {"steps": 3}, {"seconds": 1}])
def test_every_limit_holds(server: OpenAIServer, desk: Desk, limit: Any) -> None:
    server.scenario = (lambda _: Hang()) if "seconds" in limit else playing()
    state = desk({"messages": [HumanMessage(RESET)], "budget": limit}, models=models(server), people=False)
    assert len(server.requests) <= 3
    said = state["messages"][-1].text
    assert said.startswith("This could not be answered: ")
    assert "the budget left no" in said


def test_a_handler_that_hangs_is_left_behind_and_what_it_used_is_counted(desk: Desk) -> None:
    let_go = Event()

    def hang(state: Any) -> Any:
        let_go.wait(30)
        return {}

    used = {"m": {"calls": 1, "input_tokens": 5, "output_tokens": 5, "cost_usd": 0.0}}
    stuck: Any = StateGraph(AgentState)
    # No server: a thread that is late would ask it in a later test.
    stuck.add_node("think", lambda state: {"usage": used})
    stuck.add_node("hang", hang)
    stuck.add_edge(START, "think")
    stuck.add_edge("think", "hang")
    handlers = [Handler("dogs", DOGS.about, entrust(stuck.compile())), CATS]
    given = {"messages": [HumanMessage("a puppy, and a kitten")], "budget": {"seconds": 2}}
    state = desk(given, handlers=handlers, people=False, models=Models())
    let_go.set()
    assert state["handled"]["cats"]["problem"] == ""
    late = ("no answer within", "TooSlowError: no answer within", "the budget left no seconds")
    assert state["handled"]["dogs"]["problem"].startswith(late)
    assert state["usage"]["m"]["calls"] >= 1


def huge(**parts: Any) -> Handler:
    good: Any = {"label": "dogs", "by": "x", "answer": "y", "claims": [], "dropped": [], "problem": "", "attempt": 1}
    return Handler("dogs", DOGS.about, lambda state: {"handled": {"dogs": {**good, **parts}}})


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"answer": "y" * 5_000_000}, "[cut here: 30,000 of 5,000,000 characters; the rest was not kept]"),
        ({"problem": "y" * 5_000_000}, "yyy…"),
        ({"dropped": ["y" * 5_000_000]}, "its claims take 5,000,010 characters; at most 30,000 are kept"),
        ({"answer": 5}, "ValidationError"),
    ],
)
def test_5_mb_of_a_handler_are_cut_or_refused(desk: Desk, parts: Any, says: str) -> None:
    state = desk("a puppy, and a kitten", handlers=[huge(**parts), CATS], people=False)
    assert says in state["messages"][-1].text + state["reason"]
    assert len(str(state)) < 100_000
    assert state["handled"]["cats"]["problem"] == ""


def test_5_mb_of_an_agents_tool_never_reach_its_model(server: OpenAIServer, desk: Desk) -> None:
    @tool
    def dump() -> str:
        """Everything."""
        return "x" * 5_000_000

    agent = react.build(models=models(server), tools=[dump]).compile()
    server.reply(Reply(calls=(("dump", {}),)), Reply("It is all x."))
    state = desk("a puppy", handlers=[Handler("dogs", DOGS.about, entrust(agent)), CATS], people=False)
    assert state["handled"]["dogs"]["answer"] == "It is all x."
    assert len(str(server.requests[-1].body)) < 100_000


@pytest.mark.parametrize("text", ["", "   ", "?" * 100_000, "<option name='x'>\n</option>", "\ud800 \x00 refund"])
def test_odd_messages_end_explained(desk: Desk, text: str) -> None:
    state = desk(text, people=False)
    assert state["messages"][-1].text
    answered = any(one["answer"] for one in state["handled"].values())
    assert state["outcome"] == ("answered" if answered else "not answered")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"handlers": [CATS]}, "at least two"),
        ({"handlers": []}, "at least two"),
        ({"handlers": [CATS, CATS]}, "two are named 'cats'"),
        ({"handlers": [CATS, answering("check", "x")]}, "'check' cannot be a name"),
        ({"handlers": [CATS, answering("a:b", "x")]}, "'a:b' cannot be a name"),
        ({"handlers": [CATS, answering("mute", " ")]}, "mute: say in `about`"),
        ({"fallback": "sales"}, "there is no handler 'sales'"),
        ({"least": 1.5}, "least"),
        ({"budget": {"steps": 0}}, "allows nothing"),
        ({"handlers": [CATS, DOGS], "knowledge": KNOWLEDGE}, "knowledge belongs"),
        ({"model": "m", "models": Models()}, "give one of them"),
    ],
)
def test_what_cannot_work_is_refused_at_once(options: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        build(**options)


def test_a_resumed_run_repeats_no_handler_that_had_answered(saver: SQLSaver) -> None:
    seen: list[str] = []

    def once(state: Task) -> dict[str, Any]:
        seen.append("cats")
        return CATS.handle(state)

    def die(state: Task) -> dict[str, Any]:
        seen.append("dogs")
        if seen.count("dogs") > 1:
            return DOGS.handle(state)
        while not any(channel == "handled" for _, channel, _ in waiting()):
            Event().wait(0.01)
        raise KeyboardInterrupt

    def waiting() -> Any:
        saved = saver.get_tuple(THREAD)
        return saved.pending_writes if saved else []

    handlers = [Handler("cats", CATS.about, once), Handler("dogs", DOGS.about, die)]
    graph = build(handlers=handlers, models=Models(), people=False).compile(checkpointer=saver)
    with pytest.raises(KeyboardInterrupt):
        graph.invoke({"messages": [HumanMessage("a kitten, and a puppy")]}, THREAD)
    assert set(graph.invoke(None, THREAD)["handled"]) == {"cats", "dogs"}
    assert sorted(seen) == ["cats", "dogs", "dogs"]


def test_what_handlers_do_is_streamed() -> None:
    graph = build(models=Models()).compile()
    events = list(graph.stream({"messages": [HumanMessage(RESET)]}, stream_mode="custom"))
    assert events == [
        {"event": "handler_started", "handler": "technical", "attempt": 1},
        {"event": "handler_ended", "handler": "technical", "problem": ""},
    ]

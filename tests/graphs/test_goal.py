"""The pursuit of a goal end to end: failed steps, plans that make no sense, judges that are never content, crashes."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from langchain_core.tools import tool
from langgraph.types import Command
from pydantic import ValidationError

from tests.graphs.agents import THREAD, Run, entry, models, pause, sending, weather
from tests.graphs.dying import Killed, when_stored
from tests.servers.openai_server import Answer, Hang, OpenAIServer, Raw, Reply, error, structured
from threadloom.checkpoints import SQLSaver
from threadloom.graphs.goal import build
from threadloom.models.chain import ModelAnswerError
from threadloom.models.roles import Models
from threadloom.nodes.choose import by_effort
from threadloom.state.budget import Limits
from threadloom.tools.workspace.workspace import Workspace

GOAL = "Know the weather in Lima"
ASKED: dict[str, Any] = {"goal": GOAL}
OPENINGS = {
    "Plan how": "plan",
    "Reflect on": "reflect",
    "Judge whether": "judge",
    "You carry out": "do",
    "The pursuit": "answer",
}
NOTED = Reply(calls=(("write_file", {"path": "lima.md", "content": "Lima: sunny"}),))
Says = Mapping[str, Any] | Answer
Part = Callable[[dict[str, Any]], Says]


def part(body: dict[str, Any]) -> str:
    """Which node asks."""
    told = str(body["messages"][0]["content"])
    return next(name for opening, name in OPENINGS.items() if told.startswith(opening))


def parts(server: OpenAIServer) -> list[str]:
    return [part(request.body) for request in server.requests]


def task(body: dict[str, Any]) -> str:
    """The task of the step that an agent is asked to do."""
    return next(str(m["content"]) for m in body["messages"] if m["role"] == "user").partition("\n\n")[0]


def fresh(body: dict[str, Any]) -> bool:
    """Whether an agent has called nothing yet."""
    return str(body["messages"][-1]["role"]) != "tool"


def plans(*steps: str) -> dict[str, Any]:
    return {"steps": list(steps), "criteria": ["A note has the weather"]}


def thinks(next_: str = "go_on", *, worked: bool = True) -> dict[str, Any]:
    return {"worked": worked, "learnt": f"It {'worked' if worked else 'failed'}.", "next": next_, "reason": "Because."}


def judges(met: bool) -> dict[str, Any]:
    return {"checks": [{"number": 1, "met": met, "reason": "Seen."}], "missing": "" if met else "the weather"}


def play(server: OpenAIServer, **says: Part | Says) -> None:
    """A model whose answer depends on who asks; what is not given is a run in which all goes well."""
    usual: dict[str, Part | Says] = {
        "plan": plans("Look at Lima"),
        "reflect": thinks(),
        "judge": judges(met=True),
        "do": lambda body: NOTED if fresh(body) else Reply("Noted that Lima is sunny."),
        "answer": Reply("It is sunny."),
    }

    def scenario(body: dict[str, Any]) -> Answer:
        said = {**usual, **says}[part(body)]
        value = said(body) if callable(said) else said
        return structured(body, value) if isinstance(value, Mapping) else value

    server.scenario = scenario


@pytest.fixture
def notes(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "notes")


@pytest.fixture(params=["sync", "async"])
def pursuit(request: pytest.FixtureRequest, server: OpenAIServer, saver: SQLSaver, notes: Workspace) -> Run:
    """Pursues the goal on thread `t`, through `invoke` or `ainvoke`."""

    def call(given: Any = ASKED, **options: Any) -> Any:
        options = {"models": models(server), "tools": [weather], "workspace": notes, **options}
        graph = build(**options).compile(checkpointer=saver)
        return asyncio.run(graph.ainvoke(given, THREAD)) if request.param == "async" else graph.invoke(given, THREAD)

    return call


def test_a_failed_step_leads_to_another_plan_and_the_judge_ends_it(server: OpenAIServer, pursuit: Run) -> None:
    made = iter([plans("Ask Oslo", "Never come to this"), plans("Look at Lima", "Check it")])
    thought = iter([thinks("replan", worked=False), thinks(), thinks()])
    play(
        server,
        plan=lambda _: next(made),
        reflect=lambda _: next(thought),
        do=lambda body: NOTED if fresh(body) and task(body) == "Look at Lima" else Reply(f"Tried: {task(body)}"),
    )
    state = pursuit()
    assert [(step["task"], step["status"]) for step in state["plan"]] == [
        ("Ask Oslo", "failed"),
        ("Look at Lima", "done"),
        ("Check it", "done"),
    ]
    assert [(one["worked"], one["next"]) for one in state["reflections"]] == [
        (False, "replan"),
        (True, "go_on"),
        (True, "go_on"),
    ]
    assert state["checks"] == [{"criterion": "A note has the weather", "met": True, "reason": "Seen."}]
    assert (state["done"], state["stopped"], state["interventions"]) == (True, "", [])
    assert state["messages"][-1].text == "It is sunny.\n\nNotes: lima.md"
    asked = {name: [one.body for one in server.requests if part(one.body) == name] for name in OPENINGS.values()}
    assert 'status="failed"' in str(asked["plan"][1]["messages"])
    assert "Tried: Look at Lima" in str(asked["do"][-1]["messages"])  # a later step knows what the earlier ones found
    assert '<note path="lima.md">\nLima: sunny' in asked["judge"][0]["messages"][-1]["content"]
    assert (state["usage"]["m"]["calls"], state["work"]["steps"]) == (len(server.requests), len(server.requests) + 1)
    assert state["finished_at"]


def test_what_the_caller_calls_done_is_judged_one_by_one(server: OpenAIServer, pursuit: Run) -> None:
    said = iter([judges(met=True), {"checks": [{"number": n, "met": True, "reason": "Yes."} for n in (1, 2, 9)]}])
    play(server, judge=lambda _: next(said))
    state = pursuit({**ASKED, "criteria": ["It names Lima", "It names Oslo"]})
    assert [one["criterion"] for one in state["checks"]] == ["It names Lima", "It names Oslo"]
    assert (state["done"], parts(server).count("judge")) == (True, 2)  # the first said nothing of Oslo
    play(server, judge=judges(met=True))
    again = pursuit({"goal": "Know the weather in Oslo"})  # begins anew, with the conversation so far
    assert [one["criterion"] for one in again["checks"]] == ["A note has the weather"]
    assert (len(again["plan"]), len(again["messages"])) == (1, 4)


def test_the_same_plan_again_and_again_is_nudged_refused_and_stopped(server: OpenAIServer, pursuit: Run) -> None:
    play(server, judge=judges(met=False))
    state = pursuit()
    assert [(one["kind"], one["reason"]) for one in state["interventions"]] == [
        ("nudge", "the same plan was made again"),
        ("replan", "the same plan was made again"),
    ]
    assert state["stopped"] == "no progress: there is no other plan, the same plan was made again"
    told = [one.body["messages"][0]["content"] for one in server.requests if part(one.body) == "plan"]
    assert ["Note: the same plan" in one for one in told] == [False, False, True, False]
    assert "What was tried before is refused now" in told[3]
    doing = [one.body["messages"] for one in server.requests if part(one.body) == "do"]
    assert "the same plan was made again" in str(doing[-1])
    assert len(server.requests) < 25
    assert state["messages"][-1].text.startswith("It is sunny.\n\nNotes: lima.md\n\nNot settled:\n- A note has the we")
    assert f"- stopped: {state['stopped']}" in state["messages"][-1].text


def test_a_step_that_fails_again_and_again_is_noticed(server: OpenAIServer, pursuit: Run) -> None:
    number = iter(range(99))
    play(
        server,
        plan=lambda _: plans(" look  at LIMA!", f"Then {next(number)}"),
        reflect=thinks("replan", worked=False),
    )
    state = pursuit()
    assert [one["kind"] for one in state["interventions"]] == ["nudge", "replan", "stop"]
    assert {one["reason"] for one in state["interventions"][:2]} == {"the same step failed again: look at LIMA!"}
    assert state["stopped"].startswith("no progress: ")


def test_plans_that_change_no_note_are_noticed_and_those_that_do_are_not(server: OpenAIServer, pursuit: Run) -> None:
    number = iter(range(99))
    play(server, plan=lambda _: plans(f"Think {next(number)}"), do=Reply("Hm."), judge=judges(met=False))
    state = pursuit()
    assert [one["kind"] for one in state["interventions"]] == ["nudge", "replan", "stop"]
    assert state["stopped"] == "no progress: 2 plans in a row have changed nothing in the notes"
    assert len(state["plan"]) == 4

    def writes(body: dict[str, Any]) -> Answer:
        args = {"path": "lima.md", "content": f"Day {next(number)}: sunny", "replace": True}
        return Reply(calls=(("write_file", args),)) if fresh(body) else Reply("Noted.")

    play(server, plan=lambda _: plans(f"Look {next(number)}"), do=writes, judge=judges(met=False))
    state = pursuit(budget=Limits(model_calls=40))
    assert (state["interventions"], state["stopped"]) == ([], "the budget of 40 model calls is nearly used up")


def test_a_step_that_never_ends_leaves_enough_to_be_judged(server: OpenAIServer, pursuit: Run) -> None:
    number = iter(range(99))
    play(server, do=lambda _: Reply(calls=(("weather", {"city": str(next(number))}),)))
    state = pursuit(budget=Limits(model_calls=12))
    assert "judge" in parts(server)
    assert state["done"]


@pytest.mark.parametrize(
    "nonsense",
    [Reply("Let us go."), {"steps": []}, {"steps": [" ", "\n"]}, {"steps": [{"a": 1}]}, Raw(b"{}")],
)
def test_a_plan_that_makes_no_sense_is_replaced_by_the_goals_own_words(
    server: OpenAIServer, pursuit: Run, nonsense: Says
) -> None:
    every = {"checks": [{"number": number, "met": True, "reason": "Seen."} for number in range(1, 9)]}
    play(server, plan=nonsense, judge=every)
    if isinstance(nonsense, Raw):  # the server's fault, which may pass
        with pytest.raises(ModelAnswerError):
            pursuit()
        play(server)
        assert pursuit(None)["done"]
        return
    state = pursuit()
    assert [step["task"] for step in state["plan"]] == [
        "What does the library know about weather, Lima?",
        "Write a note on weather, Lima, to weather-lima.md",
    ]
    assert state["done"]
    assert parts(server)[0] == "plan"


BROKEN = [Raw(b'{"choices": [', abort=True), Raw(b'{"choices": [')]


@pytest.mark.parametrize("broken", BROKEN, ids=["connection lost", "unreadable"])
def test_a_thought_that_was_paid_for_in_vain_is_counted(server: OpenAIServer, pursuit: Run, broken: Raw) -> None:
    """Trying the node again would forget what it cost, and the budget would not hold."""
    thought: list[Answer] = [Reply('{"worked": 5}'), broken]
    play(server, reflect=lambda _: thought.pop(0))
    state = pursuit()
    assert parts(server) == ["plan", "do", "do", "reflect", "reflect", "judge", "answer"]
    assert state["usage"]["m"]["calls"] == len(server.requests) - 1
    assert state["notes"]["reflect"].startswith("the planner gave no usable answer (m: ")
    assert state["messages"][-1].text.startswith("It is sunny.")


def test_who_gives_up_is_judged_and_the_reason_is_told(server: OpenAIServer, pursuit: Run) -> None:
    play(server, plan=plans("Look at Lima", "Look at Oslo"), reflect=thinks("stop"), judge=judges(met=False))
    state = pursuit()
    assert (state["stopped"], state["done"], parts(server).count("plan")) == ("given up: Because.", False, 1)
    assert "- Look at Oslo: not done" in state["messages"][-1].text


def test_a_step_whose_agent_fails_has_failed_whatever_is_said_of_it(server: OpenAIServer, pursuit: Run) -> None:
    play(server, do=error(401), reflect=thinks("stop"))
    state = pursuit()
    [step] = state["plan"]
    assert step["status"] == "failed"
    assert "the key was refused" in step["problem"]


def test_what_acts_waits_for_a_person(server: OpenAIServer, pursuit: Run) -> None:
    log: list[str] = []
    mail = Reply(calls=(("send", {"to": "ann", "text": "sun"}), ("weather", {"city": "Lima"})))
    play(server, plan=plans("Look at Lima", "Tell Ann"), do=lambda body: mail if fresh(body) else Reply("Told."))
    options: Any = {"tools": [weather, sending(log)]}
    question = pause(pursuit(**options))
    assert (question["kind"], question["details"]["args"], log) == ("call", {"to": "ann", "text": "sun"}, [])
    pursuit(Command(resume={"action": "reject", "text": "No."}), **options)
    state = pursuit(Command(resume={"action": "approve"}), **options)
    assert (log, [act["tool"] for act in state["acts"]], state["done"]) == (["ann: sun"], ["send"], True)
    assert parts(server) == ["plan", *["do", "do", "reflect"] * 2, "judge", "answer"]


def test_a_person_may_give_more_budget_and_the_pursuit_goes_on_where_it_was(server: OpenAIServer, pursuit: Run) -> None:
    number = iter(range(99))
    play(server, plan=lambda _: plans(f"Look {next(number)}"), judge=judges(met=False), do=Reply("Seen."))
    options: Any = {"budget": Limits(model_calls=3), "at_limit": "ask"}
    question = pause(pursuit(**options))
    assert (question["kind"], parts(server)) == ("budget", ["plan", "do"])
    again = pause(pursuit(Command(resume="yes"), **options))
    assert (again["kind"], "an answer is a JSON object" in again["refused"]) == ("budget", True)
    pause(pursuit(Command(resume={"model_calls": 2}), **options))
    assert parts(server) == ["plan", "do", "reflect", "judge"]  # and not planned anew
    pause(pursuit(Command(resume={"model_calls": 1}), **options))
    assert parts(server)[4:] == ["plan"]
    state = pursuit(Command(resume={"stop": True}), **options)
    assert parts(server)[5:] == ["answer"]
    assert state["messages"][-1].text.startswith("It is sunny.")
    assert "Look 1: not done" in state["messages"][-1].text


def test_a_step_that_ends_without_an_answer_but_with_a_note_may_have_worked(server: OpenAIServer, pursuit: Run) -> None:
    """What the orchestrator says of it is nobody's result."""
    play(server, do=lambda body: NOTED if fresh(body) else Reply(""))
    [step] = pursuit()["plan"]
    assert (step["status"], step["result"], step["notes"]) == ("done", "", ["lima.md"])
    assert step["problem"] == "no progress: the answer was empty"


def test_a_tool_of_5_mb_or_one_that_hangs_ends_a_step_explained(server: OpenAIServer, pursuit: Run) -> None:
    let_go = Event()

    @tool
    def dump() -> str:
        """Everything."""
        return "x" * 5_000_000

    @tool
    def hang() -> str:
        """Never answers."""
        let_go.wait(30)
        return "late"

    play(server, do=lambda body: Reply(calls=(("dump", {}), ("hang", {}))) if fresh(body) else Reply("Seen."))
    state = pursuit(tools=[dump, hang], timeout={"hang": 0.2})
    let_go.set()
    assert (state["plan"][0]["result"], state["done"]) == ("Seen.", True)
    shown = str(next(one.body for one in server.requests if part(one.body) == "do" and not fresh(one.body)))
    assert "hang gave no answer within 0.2 s." in shown
    assert len(shown) < 100_000


def test_who_plays_a_part_may_be_chosen_and_every_choice_is_in_the_state(server: OpenAIServer, pursuit: Run) -> None:
    play(server)
    both = Models(
        {"s": entry(server, "small"), "l": entry(server, "large")},
        {"default": ("s",), "cheap": ("s",), "strong": ("l",)},
    )
    pick = by_effort("cheap", "strong")
    state = pursuit(models=both, roles={"planner": pick, "agent": pick, "judge": "strong"})
    easy = {"role": "cheap", "model": "small", "reason": "an easy task"}
    assert state["choices"] == [
        {"node": "plan", **easy},
        {"node": "model", **easy},  # of the agent that carries out the step
        {"node": "model", **easy},
        {"node": "reflect", **easy},
        {"node": "judge", "role": "strong", "model": "large", "reason": "the role of this node"},
        {"node": "answer", **easy},
    ]
    assert [one.body["model"] for one in server.requests] == [one["model"] for one in state["choices"]]


@pytest.mark.parametrize("misfits", [False, True])
def test_no_budget_of_calls_is_ever_exceeded(server: OpenAIServer, notes: Workspace, misfits: bool) -> None:
    number = iter(range(999))
    bad = Reply("No idea.")
    play(
        server,
        plan=lambda _: bad if misfits else plans(f"Look {next(number)}", f"Note {next(number)}"),
        reflect=bad if misfits else thinks(),
        judge=bad if misfits else judges(met=False),
        do=lambda body: Reply(calls=(("weather", {"city": str(next(number))}),)),
    )
    graph = build(models=models(server), tools=[weather], workspace=notes)
    for calls in range(16):
        server.requests.clear()
        state = graph.compile().invoke({**ASKED, "budget": {"model_calls": calls}})
        assert len(server.requests) == state["usage"].get("m", {"calls": 0})["calls"] <= calls
        assert f"the budget of {calls} model calls" in state["stopped"]
        assert state["finished_at"]
        assert state["messages"][-1].text.startswith("It is sunny." if calls else "The run was stopped without an ans")


@pytest.mark.parametrize("limit", [Limits(tokens=150), Limits(usd=0.0008), Limits(steps=9), Limits(seconds=1)])
def test_every_limit_holds(server: OpenAIServer, pursuit: Run, limit: Limits) -> None:
    number = iter(range(999))
    endless = Reply(calls=(("weather", {"city": "x"}),))
    hangs = "seconds" in limit
    play(
        server,
        plan=lambda _: plans(f"Look {next(number)}"),
        judge=Hang() if hangs else judges(met=False),
        do=lambda body: Reply("Seen.") if hangs else endless,
    )
    state = pursuit(budget=limit)
    assert "the budget of" in state["stopped"]
    assert len(server.requests) <= 12
    assert state["finished_at"]


def test_after_a_crash_in_a_step_nothing_that_had_ended_is_repeated(
    server: OpenAIServer, pursuit: Run, saver: SQLSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    recorded, dying = when_stored("Rome: sunny", saver, monkeypatch), [True]

    @tool
    def look(city: str) -> str:
        """Look at a city."""
        if city == "Oslo" and dying:
            assert recorded.wait(10)
            dying.clear()
            raise Killed
        done.append(city)
        return f"{city}: sunny"

    def works(body: dict[str, Any]) -> Answer:
        cities = {"Look at Lima": ["Lima"], "Look at two": ["Rome", "Oslo"]}[task(body)]
        return Reply(calls=tuple(("look", {"city": one}) for one in cities)) if fresh(body) else Reply("Seen.")

    play(server, plan=plans("Look at Lima", "Look at two"), do=works)
    with pytest.raises(Killed):
        pursuit(tools=[look])
    state = pursuit(None, tools=[look])
    assert done == ["Lima", "Rome", "Oslo"]
    assert parts(server) == ["plan", *["do", "do", "reflect"] * 2, "judge", "answer"]
    assert ([step["status"] for step in state["plan"]], state["done"]) == (["done", "done"], True)
    assert state["usage"]["m"]["calls"] == len(server.requests)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"budget": {"model_calls": 0}}, "budget: model_calls is 0, which allows nothing"),
        ({"budget": {"usd": 1.0}}, "budget: usd cannot be kept, the price of m is not known"),
        ({"roles": {"plan": "planner"}}, "roles: unknown plan; there are planner, agent, judge"),
        ({"tools": [weather, weather]}, "tools: more than one is named weather"),
        ({"tools": [weather], "timeout": {"nix": 3}}, "timeout: there is no tool 'nix'; there are weather"),
        ({"window": 0}, "window: 0 is not a number of tokens"),
        ({"tools": [weather.model_copy(update={"name": "read_file"})]}, "tools: read_file is a tool of the workspace"),
    ],
)
def test_what_cannot_work_is_said_when_it_is_built(server: OpenAIServer, options: Any, why: str) -> None:
    unpriced = Models({"m": entry(server, input_price=None)}, {"default": ("m",)})
    with pytest.raises(ValueError, match=why):
        build(**{"models": unpriced, **options})


@pytest.mark.parametrize("given", [{}, {"goal": " "}, {"goal": "x", "criteria": [" "]}, {"goal": "x", "budget": 5}])
def test_bad_input_ends_the_run_before_anything_is_asked(second: OpenAIServer, pursuit: Run, given: Any) -> None:
    with pytest.raises((ValidationError, ValueError)):
        pursuit(given, models=models(second))  # nobody who was left behind in an earlier test asks there
    assert second.requests == []

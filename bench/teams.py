"""What the other patterns add to a run, beside the same graph wired with bare LangGraph, by calls of its model.

All ask a model over HTTP on this machine, in 5 ms an answer. Both make the same calls, but not in the same steps.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from bench import by_hand
from bench.measure import Figure
from bench.patterns import ANSWER, Pair, beside
from bench.peers import Peer as SaverPeer
from bench.scale import Scale
from tests.servers.openai_server import OpenAIServer, Reply, structured
from threadloom.graphs import debate, goal, handoff, react, routing, supervisor
from threadloom.models.prompts import element, prompt
from threadloom.nodes import intent, judge, mood, plan, reflect, steps
from threadloom.nodes.debate import Debater
from threadloom.nodes.handler import Handler
from threadloom.nodes.handoff import Peer, handoff_tools
from threadloom.nodes.team import Member, request_tools
from threadloom.state.routing import Handled, Task
from threadloom.tools.library.catalogue import Library
from threadloom.tools.library.source import LibrarySource
from threadloom.tools.workspace.tools import workspace_tools
from threadloom.tools.workspace.workspace import Workspace

CALL = "{}: a call of its model"
ASKED = "The printer smokes, and I was charged twice."
GIVEN: Any = {"messages": [{"role": "user", "content": ASKED}]}
ABOUT = "Questions about {}."


@tool
def look(at: int) -> str:
    """Look at something."""
    return f"seen at {at}"


def _looks(body: dict[str, Any], most: int, answer: str) -> Reply:
    """A model that looks so many times, each time at something else, then answers."""
    calls = [call for message in body["messages"] for call in message.get("tool_calls") or []]
    done = sum(call["function"]["name"] == "look" for call in calls)
    return Reply(calls=(("look", {"at": done}),)) if done < most else Reply(answer)


def _told(body: dict[str, Any]) -> str:
    return str(body["messages"][0]["content"])


TOPICS = ("billing", "technical")


def _routing(model: BaseChatModel) -> Pair:
    """Both topics of the message are handled at once, and its mood is read beside them."""

    def answer(name: str, text: str) -> str:
        return str(model.invoke(prompt(f"Answer what concerns {name}.", element("message", text))).text)

    def handle(state: Task, name: str) -> dict[str, Any]:
        text = answer(name, state["route"]["text"])
        done = Handled(label=name, by="local", answer=text, claims=[], dropped=[], problem="", attempt=1)
        return {"handled": {name: done}}

    handlers = [Handler(name, ABOUT.format(name), partial(handle, name=name)) for name in TOPICS]
    bare = {name: (ABOUT.format(name), partial(answer, name)) for name in TOPICS}
    return routing.build(model=model, handlers=handlers, people=False), by_hand.routing(model, bare), GIVEN, 4


def _routes(body: dict[str, Any]) -> Reply:
    told = _told(body)
    if told.startswith(intent.TASK):
        route = {"confidence": 0.9, "reason": "it says so", "text": ASKED}
        return structured(body, {"routes": [{"label": name, **route} for name in TOPICS]})
    if told.startswith(mood.TASK):
        return structured(body, {"sentiment": "neutral", "angry": False, "wants_person": False, "mood_reasons": []})
    return Reply("We look into it.")


TRIAGE, ENGINEER, LOOKS = "You are the triage.", "You are the engineer.", 3


def _handoff(model: BaseChatModel) -> Pair:
    """The first peer passes the conversation on at once, the second looks and answers."""
    triage = Peer("triage", "Finds out who can help.", TRIAGE, to=("engineer",))
    engineer = Peer("engineer", "Knows the machines.", ENGINEER, tools=(look,))
    passing = handoff_tools(triage, {"engineer": engineer})["hand_to_engineer"]
    bare = by_hand.handoff(model, (TRIAGE, passing), "engineer", (ENGINEER, [look]))
    return handoff.build(model=model, peers=[triage, engineer]), bare, GIVEN, LOOKS + 2


def _hands(body: dict[str, Any]) -> Reply:
    if _told(body).startswith(TRIAGE):
        return Reply(calls=(("hand_to_engineer", {"message": "It smokes."}),))
    return _looks(body, LOOKS, "Pull the plug.")


LEAD = "You lead a team."
TEAM = {name: f"You are {name}, a specialist." for name in ("ann", "bob")}


def _supervisor(model: BaseChatModel) -> Pair:
    """Two specialists at once, agents that look once each, then the answer."""

    def member(name: str, told: str) -> Member:
        agent = react.build(model=model, tools=[look], prompt=told, name=name)
        return Member(name, ABOUT.format(name), agent.compile())

    team = [member(name, told) for name, told in TEAM.items()]
    agents = {f"ask_{name}": by_hand.agent(model, told, [look]) for name, told in TEAM.items()}
    bare = by_hand.supervisor(model, LEAD, list(request_tools(team).values()), agents)
    return supervisor.build(model=model, team=team, prompt=LEAD), bare, GIVEN, 2 + 2 * len(TEAM)


def _leads(body: dict[str, Any]) -> Reply:
    if not _told(body).startswith(LEAD):
        return _looks(body, 1, "It is the fuse.")
    if body["messages"][-1]["role"] == "tool":
        return Reply("It is the fuse, both say.")
    return Reply(calls=tuple((f"ask_{name}", {"request": f"{name}, look into it"}) for name in TEAM))


DEBATERS = {"ann": "say yes.", "bob": "say no."}
QUESTION = "Does raising the minimum wage reduce employment?"
QUOTE = "Across 138 state-level minimum-wage increases in the United States between 1979 and 2016"


def _debate(model: BaseChatModel) -> Pair:
    """Two debaters read what the bundled papers say, propose and vote."""
    source = LibrarySource(Library(own=False))
    debaters = [Debater(name, stance) for name, stance in DEBATERS.items()]
    ours = debate.build(model=model, sources=[source], debaters=debaters)
    return ours, by_hand.debate(model, source, DEBATERS), {"question": QUESTION}, 1 + 2 * len(DEBATERS)


def _debates(body: dict[str, Any]) -> Reply:
    told = _told(body)
    if told.startswith(plan.TASK):
        return structured(body, {"topic": "minimum wage", "sub_questions": [], "key_terms": ["minimum wage"]})
    if "speaks against" in told:
        return structured(body, {"criticism": [], "choice": "bob", "confidence": 0.8, "reason": "It is right."})
    return structured(body, {"answer": "It does not.", "findings": [{"claim": "It did not.", "quote": QUOTE}]})


TASKS = ["Look at the weather in Lima", "Look at the weather in Oslo"]


def _goal(model: BaseChatModel, notes: Workspace) -> Pair:
    """Two steps of a plan, by an agent that looks once for each, a thought on each, the judge and the answer."""
    ours = goal.build(model=model, tools=[look], workspace=notes)
    tools = [look, *workspace_tools(notes)]
    bare = by_hand.goal(model, by_hand.agent(model, goal.PROMPT, tools), tools, goal.ANSWER)
    return ours, bare, {"goal": "Know the weather"}, 1 + 3 * len(TASKS) + 2


def _pursues(body: dict[str, Any]) -> Reply:
    told = _told(body)
    if told.startswith(steps.TASK):
        return structured(body, {"steps": TASKS, "criteria": ["Both are known"]})
    if told.startswith(reflect.TASK):
        return structured(body, {"worked": True, "learnt": "It is sunny.", "next": "go_on", "reason": "It worked."})
    if told.startswith(judge.TASK):
        return structured(body, {"checks": [{"number": 1, "met": True, "reason": "Seen."}], "missing": ""})
    return _looks(body, 1, "It is sunny.") if told.startswith(goal.PROMPT) else Reply("It is sunny in both.")


class Case(NamedTuple):
    """A pattern: its pair of graphs for a model and a folder of notes, and what the model says."""

    pair: Callable[[BaseChatModel, Workspace], Pair]
    says: Callable[[dict[str, Any]], Reply]


CASES: Mapping[str, Case] = {
    "routing": Case(lambda model, _: _routing(model), _routes),
    "handoff": Case(lambda model, _: _handoff(model), _hands),
    "supervisor": Case(lambda model, _: _supervisor(model), _leads),
    "debate": Case(lambda model, _: _debate(model), _debates),
    "goal": Case(_goal, _pursues),
}


def measure(peers: Sequence[SaverPeer], scale: Scale) -> Iterator[Figure]:  # noqa: ARG001  # savers are not compared here
    """Runs of both in turn, each a thread of its own in memory, as milliseconds a call of the model."""
    with OpenAIServer() as server, tempfile.TemporaryDirectory() as folder:
        for name, case in CASES.items():
            server.scenario = partial(_in_time, case.says)
            yield beside(CALL.format(name), case.pair(asking(server), Workspace(folder)), scale.runs * 6)


def asking(server: OpenAIServer) -> BaseChatModel:
    """The model that everybody asks."""
    return ChatOpenAI(model="local", base_url=server.url, api_key=SecretStr("none"))


def _in_time(says: Callable[[dict[str, Any]], Reply], body: dict[str, Any]) -> Reply:
    time.sleep(ANSWER)
    return says(body)

"""What the other patterns add to a run, beside the same graph wired with bare LangGraph, by the calls of a model in it.

Each asks a model over HTTP on this machine, which takes 5 ms an answer. The graphs differ in their steps, but both make
the same calls with requests of about the same size: so a figure is the time of a run, divided by its calls.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from operator import or_
from typing import Annotated, Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, Send
from pydantic import SecretStr
from typing_extensions import TypedDict

from bench.measure import Figure
from bench.patterns import ANSWER, Pair, beside
from bench.peers import Peer as SaverPeer
from bench.scale import Scale
from tests.servers.openai_server import OpenAIServer, Reply, structured
from threadloom.graphs import handoff, react, routing, supervisor
from threadloom.models.prompts import element, prompt
from threadloom.nodes import intent, mood
from threadloom.nodes.branch import SECONDS
from threadloom.nodes.handler import Handler
from threadloom.nodes.handoff import Peer, handoff_tools
from threadloom.nodes.team import Member, request_tools
from threadloom.state.drafts import MoodDraft, RoutesDraft
from threadloom.state.routing import Handled, Task

CALL = "{}: a call of its model"
LOOKS = 3
ASKED = "The printer smokes, and I was charged twice."
GIVEN: Any = {"messages": [{"role": "user", "content": ASKED}]}

_POOL = ThreadPoolExecutor(16)


def _waiting(work: Callable[..., Any], *given: Any) -> Any:
    """What ours do as well, in the plainest way there is: neither a model nor a tool may hang."""
    return _POOL.submit(copy_context().run, work, *given).result(SECONDS)


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


# Routing: both topics of the message are handled at once, and the mood is read beside them.

TOPICS = ("billing", "technical")
ABOUT = "Questions about {}."


class Routed(MessagesState):
    routes: list[dict[str, Any]]
    answers: Annotated[dict[str, str], or_]
    mood: dict[str, Any]
    reason: str


def _routing(model: BaseChatModel) -> Pair:
    def handle(name: str, task: Task) -> dict[str, Any]:
        text = _handled(model, name, task["route"]["text"])
        done = Handled(label=name, by="local", answer=text, claims=[], dropped=[], problem="", attempt=1)
        return {"handled": {name: done}}

    handlers = [Handler(name, ABOUT.format(name), partial(handle, name)) for name in TOPICS]
    return routing.build(model=model, handlers=handlers, people=False), _routing_by_hand(model), GIVEN, 4


def _handled(model: BaseChatModel, name: str, text: str) -> str:
    return str(model.invoke(prompt(f"Answer what concerns {name}.", element("message", text))).text)


def _routing_by_hand(model: BaseChatModel) -> Any:
    classifier, reader = model.with_structured_output(RoutesDraft), model.with_structured_output(MoodDraft)
    options = [element("option", ABOUT.format(name), name=name) for name in TOPICS]

    def classify(state: Routed) -> dict[str, Any]:
        message = element("message", state["messages"][-1].text)
        draft = _waiting(classifier.invoke, prompt(intent.TASK, message, *options))
        return {"routes": [route.model_dump() for route in draft.routes], "answers": {}}

    def visits(state: Routed) -> list[Send | str]:
        parts = [{"route": route, "messages": state["messages"]} for route in state["routes"]]
        return [*(Send(part["route"]["label"], part) for part in parts), "mood"]

    def handle(state: Any, name: str) -> dict[str, Any]:
        return {"answers": {name: _waiting(_handled, model, name, state["route"]["text"])}}

    def feel(state: Routed) -> dict[str, Any]:
        draft = _waiting(reader.invoke, prompt(mood.TASK, element("message", state["messages"][-1].text)))
        return {"mood": draft.model_dump()}

    def check(state: Routed) -> dict[str, Any]:
        missing = [name for name, answer in state["answers"].items() if not answer]
        return {"reason": "; ".join([*missing, *(["angry"] if state["mood"]["angry"] else [])])}

    def respond(state: Routed) -> dict[str, Any]:
        return {"messages": [AIMessage("\n\n".join(state["answers"].values()))]}

    graph = StateGraph(Routed)
    graph.add_node("classify", classify)
    graph.add_node("mood", feel)
    graph.add_node("check", check)
    graph.add_node("respond", respond)
    graph.add_edge(START, "classify")
    graph.add_conditional_edges("classify", visits, [*TOPICS, "mood"])
    for name in TOPICS:
        graph.add_node(name, partial(handle, name=name))
    for name in (*TOPICS, "mood"):
        graph.add_edge(name, "check")
    graph.add_edge("check", "respond")
    graph.add_edge("respond", END)
    return graph


def _routes(body: dict[str, Any]) -> Reply:
    told = _told(body)
    if told.startswith(intent.TASK):
        route = {"confidence": 0.9, "reason": "it says so", "text": ASKED}
        return structured(body, {"routes": [{"label": name, **route} for name in TOPICS]})
    if told.startswith(mood.TASK):
        return structured(body, {"sentiment": "neutral", "angry": False, "wants_person": False, "mood_reasons": []})
    return Reply("We look into it.")


# Handoff: the first peer passes the conversation on at once, the second looks and answers.

TRIAGE, ENGINEER = "You are the triage.", "You are the engineer."


def _handoff(model: BaseChatModel) -> Pair:
    triage = Peer("triage", "Finds out who can help.", TRIAGE, to=("engineer",))
    engineer = Peer("engineer", "Knows the machines.", ENGINEER, tools=(look,))
    ours = handoff.build(model=model, peers=[triage, engineer])
    passing = handoff_tools(triage, {"engineer": engineer})["hand_to_engineer"]
    return ours, _handoff_by_hand(model.bind_tools([passing]), model.bind_tools([look])), GIVEN, LOOKS + 2


def _handoff_by_hand(triage: Any, engineer: Any) -> Any:
    tools = ToolNode([look])

    def receive(state: MessagesState) -> Command[Any]:
        reply = _waiting(triage.invoke, [SystemMessage(TRIAGE), *state["messages"]])
        passed = [ToolMessage("engineer has it now.", tool_call_id=call["id"]) for call in reply.tool_calls]
        return Command(goto="engineer" if passed else END, update={"messages": [reply, *passed]})

    def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [_waiting(engineer.invoke, [SystemMessage(ENGINEER), *state["messages"]])]}

    def act(state: MessagesState) -> Any:
        return _waiting(tools.invoke, state)

    graph = StateGraph(MessagesState)
    graph.add_node("triage", receive, destinations=("engineer", END))
    graph.add_node("engineer", think)
    graph.add_node("tool", act)
    graph.add_edge(START, "triage")
    graph.add_conditional_edges("engineer", tools_condition, {"tools": "tool", END: END})
    graph.add_edge("tool", "engineer")
    return graph


def _hands(body: dict[str, Any]) -> Reply:
    if _told(body).startswith(TRIAGE):
        return Reply(calls=(("hand_to_engineer", {"message": "It smokes."}),))
    return _looks(body, LOOKS, "Pull the plug.")


# Supervisor: two specialists at once, agents that look once each, then the answer.

LEAD, TEAM = "You lead a team.", ("ann", "bob")


class Led(TypedDict):
    call: dict[str, Any]


def _supervisor(model: BaseChatModel) -> Pair:
    def agent(name: str) -> Any:
        return react.build(model=model, tools=[look], prompt=_specialist(name), name=name).compile()

    team = [Member(name, ABOUT.format(name), agent(name)) for name in TEAM]
    lead = model.bind_tools(list(request_tools(team).values()))
    ours = supervisor.build(model=model, team=team, prompt=LEAD)
    return ours, _supervisor_by_hand(lead, model.bind_tools([look])), GIVEN, 2 + 2 * len(TEAM)


def _specialist(name: str) -> str:
    return f"You are {name}, a specialist."


def _supervisor_by_hand(lead: Any, looking: Any) -> Any:
    agents = {f"ask_{name}": _agent_by_hand(looking, _specialist(name)) for name in TEAM}

    def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [_waiting(lead.invoke, [SystemMessage(LEAD), *state["messages"]])]}

    def route(state: MessagesState) -> list[Send] | str:
        last = state["messages"][-1]
        calls = last.tool_calls if isinstance(last, AIMessage) else []
        return [Send("specialist", Led(call=dict(call))) for call in calls] or END

    def work(state: Led) -> dict[str, Any]:
        call = state["call"]
        given = {"messages": [HumanMessage(call["args"]["request"])]}
        done = _waiting(agents[call["name"]].invoke, given)
        return {"messages": [ToolMessage(done["messages"][-1].text, tool_call_id=call["id"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", think)
    graph.add_node("specialist", work, input_schema=Led)
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", route, ["specialist", END])
    graph.add_edge("specialist", "model")
    return graph


def _agent_by_hand(looking: Any, told: str) -> Any:
    tools = ToolNode([look])

    def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [_waiting(looking.invoke, [SystemMessage(told), *state["messages"]])]}

    def act(state: MessagesState) -> Any:
        return _waiting(tools.invoke, state)

    graph = StateGraph(MessagesState)
    graph.add_node("model", think)
    graph.add_node("tool", act)
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition, {"tools": "tool", END: END})
    graph.add_edge("tool", "model")
    return graph.compile()


def _leads(body: dict[str, Any]) -> Reply:
    if not _told(body).startswith(LEAD):
        return _looks(body, 1, "It is the fuse.")
    if body["messages"][-1]["role"] == "tool":
        return Reply("It is the fuse, both say.")
    return Reply(calls=tuple((f"ask_{name}", {"request": f"{name}, look into it"}) for name in TEAM))


class Case(NamedTuple):
    """A pattern: its pair of graphs for a model, and what the model says."""

    pair: Callable[[BaseChatModel], Pair]
    says: Callable[[dict[str, Any]], Reply]


CASES: Mapping[str, Case] = {
    "routing": Case(_routing, _routes),
    "handoff": Case(_handoff, _hands),
    "supervisor": Case(_supervisor, _leads),
}


def measure(peers: Sequence[SaverPeer], scale: Scale) -> Iterator[Figure]:  # noqa: ARG001  # savers are not compared here
    """Runs of both in turn, each a thread of its own in memory, as milliseconds a call of the model."""
    with OpenAIServer() as server:
        for name, case in CASES.items():
            server.scenario = partial(_in_time, case.says)
            yield beside(CALL.format(name), case.pair(asking(server)), scale.runs * 10)


def asking(server: OpenAIServer) -> BaseChatModel:
    """The model that everybody asks."""
    return ChatOpenAI(model="local", base_url=server.url, api_key=SecretStr("none"))


def _in_time(says: Callable[[dict[str, Any]], Reply], body: dict[str, Any]) -> Reply:
    time.sleep(ANSWER)
    return says(body)

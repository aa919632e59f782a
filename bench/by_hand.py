"""Patterns as somebody wires them with bare LangGraph: what those of `threadloom.graphs` are measured beside.

The texts of their requests and the schemas are those of ours, so that both ask for the same. As ours they wait for no
model and no tool for ever, in the plainest way there is.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from operator import add, or_
from typing import Annotated, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, Overwrite, Send
from typing_extensions import TypedDict

from threadloom.models.prompts import element, prompt
from threadloom.nodes import intent, judge, mood, plan, reflect, steps
from threadloom.nodes.branch import SECONDS
from threadloom.nodes.debate import BallotDraft, ProposalDraft
from threadloom.nodes.rank import rank_papers
from threadloom.state.drafts import MoodDraft, PlanDraft, RoutesDraft
from threadloom.tools.papers.source import PaperQuery, PaperSource

_POOL = ThreadPoolExecutor(16)


def _waiting(work: Callable[..., Any], *given: Any) -> Any:
    return _POOL.submit(copy_context().run, work, *given).result(SECONDS)


class Routed(MessagesState):
    """State of `routing`."""

    routes: list[dict[str, Any]]
    answers: Annotated[dict[str, str], or_]
    mood: dict[str, Any]
    reason: str


def routing(model: BaseChatModel, handlers: Mapping[str, tuple[str, Callable[[str], str]]]) -> Any:
    """Handlers by name, each with what it is for: those that a message needs answer at once, beside them its mood."""
    classifier, reader = model.with_structured_output(RoutesDraft), model.with_structured_output(MoodDraft)
    options = [element("option", about, name=name) for name, (about, _) in handlers.items()]

    def classify(state: Routed) -> dict[str, Any]:
        message = element("message", state["messages"][-1].text)
        draft = _waiting(classifier.invoke, prompt(intent.TASK, message, *options))
        return {"routes": [route.model_dump() for route in draft.routes], "answers": {}}

    def visits(state: Routed) -> list[Send | str]:
        return [*(Send(route["label"], {"text": route["text"]}) for route in state["routes"]), "mood"]

    def handle(state: Any, name: str) -> dict[str, Any]:
        return {"answers": {name: _waiting(handlers[name][1], state["text"])}}

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
    graph.add_conditional_edges("classify", visits, [*handlers, "mood"])
    for name in handlers:
        graph.add_node(name, partial(handle, name=name))
    for name in (*handlers, "mood"):
        graph.add_edge(name, "check")
    graph.add_edge("check", "respond")
    graph.add_edge("respond", END)
    return graph


def agent(model: BaseChatModel, told: str, tools: Sequence[BaseTool], first: str = "model") -> Any:
    """The loop of a model and its tools; another node may come first, which is the caller's to add."""
    bound, node = model.bind_tools(tools), ToolNode(tools)

    def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [_waiting(bound.invoke, [SystemMessage(told), *state["messages"]])]}

    def act(state: MessagesState) -> Any:
        return _waiting(node.invoke, state)

    graph = StateGraph(MessagesState)
    graph.add_node("model", think)
    graph.add_node("tool", act)
    graph.add_edge(START, first)
    graph.add_conditional_edges("model", tools_condition, {"tools": "tool", END: END})
    graph.add_edge("tool", "model")
    return graph


def handoff(
    model: BaseChatModel, first: tuple[str, BaseTool], name: str, second: tuple[str, Sequence[BaseTool]]
) -> Any:
    """A peer that passes the conversation on by a tool, and an agent of that name that then has it."""
    greeting, passing = first
    triage, graph = model.bind_tools([passing]), agent(model, *second, first="triage")

    def receive(state: MessagesState) -> Command[Any]:
        reply = _waiting(triage.invoke, [SystemMessage(greeting), *state["messages"]])
        passed = [ToolMessage(f"{name} has it now.", tool_call_id=call["id"]) for call in reply.tool_calls]
        return Command(goto="model" if passed else END, update={"messages": [reply, *passed]})

    graph.add_node("triage", receive, destinations=("model", END))
    return graph


class Led(TypedDict):
    """What one specialist is sent."""

    call: dict[str, Any]


def supervisor(model: BaseChatModel, told: str, tools: Sequence[BaseTool], agents: Mapping[str, Any]) -> Any:
    """A model whose tools are other agents, by the names of these: what it asks for at once is done at once."""
    lead, team = model.bind_tools(tools), {name: one.compile() for name, one in agents.items()}

    def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [_waiting(lead.invoke, [SystemMessage(told), *state["messages"]])]}

    def route(state: MessagesState) -> list[Send] | str:
        last = state["messages"][-1]
        calls = last.tool_calls if isinstance(last, AIMessage) else []
        return [Send("specialist", Led(call=dict(call))) for call in calls] or END

    def work(state: Led) -> dict[str, Any]:
        call = state["call"]
        done = _waiting(team[call["name"]].invoke, {"messages": [HumanMessage(call["args"]["request"])]})
        return {"messages": [ToolMessage(done["messages"][-1].text, tool_call_id=call["id"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", think)
    graph.add_node("specialist", work, input_schema=Led)
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", route, ["specialist", END])
    graph.add_edge("specialist", "model")
    return graph


class Debated(TypedDict, total=False):
    """State of `debate`."""

    question: str
    plan: dict[str, Any]
    papers: list[Any]
    proposals: Annotated[dict[str, dict[str, Any]], or_]
    ballots: Annotated[dict[str, dict[str, Any]], or_]
    choice: str
    markdown: str


PROPOSE = (
    "You are {} in a debate: {} Answer the question from the documents alone, and copy the sentence that supports each "
    "finding character by character."
)
VOTE = (
    "You are {} in a debate: {} Say what speaks against the proposals of the others, then which one the quoted "
    "evidence supports best. Change your mind where they are right."
)


def debate(model: BaseChatModel, source: PaperSource, debaters: Mapping[str, str]) -> Any:
    """Debaters by name, each with its stance: they read the papers of a plan, propose and vote; most votes win."""
    planner, proposer, voter = (
        model.with_structured_output(schema) for schema in (PlanDraft, ProposalDraft, BallotDraft)
    )

    def think(state: Debated) -> dict[str, Any]:
        question = element("question", state["question"])
        drafted = _waiting(planner.invoke, prompt(plan.TASK, question, element("today", "2026-01-01")))
        fresh = {"proposals": Overwrite({}), "ballots": Overwrite({})}
        return {"plan": {**drafted.model_dump(), "sources": [source.name]}, **fresh}

    def search(state: Debated) -> dict[str, Any]:
        query = PaperQuery(state["question"], tuple(state["plan"]["key_terms"]))
        return {"papers": _waiting(source.search, query, SECONDS)}

    def rank(state: Debated) -> dict[str, Any]:
        wanted: Any = state["plan"]
        papers, verdicts = rank_papers(state["question"], wanted, state["papers"], 8)
        kept = {one["paper_id"] for one in verdicts if one["kept"]}
        return {"papers": [one for one in papers if one["id"] in kept]}

    def turns(state: Debated, node: str) -> list[Send]:
        return [Send(node, {**state, "by": name}) for name in debaters]

    def propose(state: Any) -> dict[str, Any]:
        by = state["by"]
        texts = [element("document", one["abstract"], id=one["id"], title=one["title"]) for one in state["papers"]]
        asked = prompt(PROPOSE.format(by, debaters[by]), element("question", state["question"]), *texts)
        draft = _waiting(proposer.invoke, asked).model_dump()
        found = [one for one in draft["findings"] if any(one["quote"] in each["abstract"] for each in state["papers"])]
        return {"proposals": {by: {"answer": draft["answer"], "findings": found}}}

    def compare(_: Debated) -> dict[str, Any]:
        return {}

    def vote(state: Any) -> dict[str, Any]:
        by = state["by"]
        shown = [
            element("proposal", "\n".join([one["answer"], *(each["quote"] for each in one["findings"])]), author=author)
            for author, one in state["proposals"].items()
        ]
        asked = prompt(VOTE.format(by, debaters[by]), element("question", state["question"]), *shown)
        return {"ballots": {by: _waiting(voter.invoke, asked).model_dump()}}

    def resolve(state: Debated) -> dict[str, Any]:
        chosen = [one["choice"] for one in state["ballots"].values()]
        choice = max(state["proposals"], key=chosen.count)
        lines = [f"# {state['question']}", *(f"{by}: {one['answer']}" for by, one in state["proposals"].items())]
        return {"choice": choice, "markdown": "\n\n".join([*lines, f"Chosen: {choice}"])}

    graph = StateGraph(Debated)
    nodes: dict[str, Any] = {"think": think, "search": search, "rank": rank, "propose": propose}
    nodes |= {"compare": compare, "vote": vote, "resolve": resolve}
    for name, node in nodes.items():
        graph.add_node(name, node)
    graph.add_edge(START, "think")
    graph.add_edge("think", "search")
    graph.add_edge("search", "rank")
    graph.add_conditional_edges("rank", partial(turns, node="propose"), ["propose"])
    graph.add_edge("propose", "compare")
    graph.add_conditional_edges("compare", partial(turns, node="vote"), ["vote"])
    graph.add_edge("vote", "resolve")
    graph.add_edge("resolve", END)
    return graph


class Pursued(TypedDict, total=False):
    """State of `goal`."""

    goal: str
    tasks: list[str]
    criteria: list[str]
    results: Annotated[list[dict[str, str]], add]
    learnt: Annotated[list[str], add]
    next: str
    met: bool
    answer: str


def goal(model: BaseChatModel, worker: Any, tools: Sequence[BaseTool], told: str) -> Any:
    """A plan whose tasks an agent carries out in turn, each reflected upon; a judge, and an answer as it is `told`."""
    planner = model.with_structured_output(steps.StepsDraft)
    thinker = model.with_structured_output(reflect.ReflectionDraft)
    judging, hand = model.with_structured_output(judge.JudgementDraft), worker.compile()
    known = [element("tool", tool.description, name=tool.name) for tool in tools]

    def plan_(state: Pursued) -> dict[str, Any]:
        draft = _waiting(planner.invoke, prompt(steps.TASK, element("goal", state["goal"]), *known, *found(state)))
        return {"tasks": draft.steps, "criteria": draft.criteria}

    def found(state: Pursued) -> list[str]:
        pairs = zip(state.get("results", []), state.get("learnt", []), strict=False)
        return [element("step", one["text"], task=one["task"], learnt=learnt) for one, learnt in pairs]

    def do(state: Pursued) -> dict[str, Any]:
        task, results = state["tasks"][0], state.get("results", [])
        before = [element("result", one["text"], task=one["task"]) for one in results]
        text = "\n\n".join([task, element("goal", state["goal"]), *before])
        done = _waiting(hand.invoke, {"messages": [HumanMessage(text)]})
        return {"tasks": state["tasks"][1:], "results": [{"task": task, "text": done["messages"][-1].text}]}

    def think(state: Pursued) -> dict[str, Any]:
        last, opened = state["results"][-1], [element("open", task) for task in state["tasks"]]
        step = element("step", last["text"], task=last["task"])
        draft = _waiting(thinker.invoke, prompt(reflect.TASK, element("goal", state["goal"]), step, *opened))
        return {"learnt": [draft.learnt], "next": draft.next}

    def after(state: Pursued) -> str:
        if state["next"] == "replan":
            return "plan"
        return "do" if state["tasks"] and state["next"] == "go_on" else "judge"

    def settle(state: Pursued) -> dict[str, Any]:
        numbered = [element("criterion", one, number=at) for at, one in enumerate(state["criteria"], 1)]
        asked = prompt(judge.TASK, element("goal", state["goal"]), *numbered, *found(state))
        return {"met": all(check.met for check in _waiting(judging.invoke, asked).checks)}

    def answer(state: Pursued) -> dict[str, Any]:
        shown = HumanMessage("\n\n".join([state["goal"], *state["criteria"], *found(state)]))
        return {"answer": _waiting(model.invoke, [SystemMessage(told), shown]).text}

    graph = StateGraph(Pursued)
    for name, node in {"plan": plan_, "do": do, "reflect": think, "judge": settle, "respond": answer}.items():
        graph.add_node(name, node)
    graph.add_edge(START, "plan")
    graph.add_edge("plan", "do")
    graph.add_edge("do", "reflect")
    graph.add_conditional_edges("reflect", after, ["plan", "do", "judge"])
    graph.add_conditional_edges("judge", lambda state: "respond" if state["met"] else "plan", ["respond", "plan"])
    graph.add_edge("respond", END)
    return graph

"""A chain of named steps, each with typed input and output: what one gives the next ones take.

    retrieve -> summarise -> write -> draft -> approve -> send        (the ready graph)

The types are checked when the chain is built. Each step is a node: a run that was cut off goes on at that step.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy, Send
from typing_extensions import TypedDict

from threadloom.models.errors import passing
from threadloom.models.roles import Models, one_of, when_needed
from threadloom.nodes import letter
from threadloom.nodes.compensate import acted, begin, compensate, giving_up, left
from threadloom.nodes.node import Node
from threadloom.nodes.ration import goes_back, rationed, spends
from threadloom.nodes.step import Step, Types, plain, types
from threadloom.state.budget import Limits, checked
from threadloom.state.chain import Rationed, TakenBack
from threadloom.state.letter import LetterInput
from threadloom.tools.library.retriever import LibraryRetriever
from threadloom.tools.mail.send import MailServer
from threadloom.tools.settings import ToolSettings

Chain = StateGraph[Any, None, Any, Any]

NOBODY = "Draft <draft@example.invalid>"
"""Who a draft is from while THREADLOOM_MAIL_FROM is not set."""
RETRIEVING = 60.0
"""Seconds that a retriever may take; it can be anybody's."""


def build(
    steps: Sequence[Step] | None = None,
    *,
    input: Any = LetterInput,  # noqa: A002 - LangGraph's word
    budget: Limits | None = None,
) -> Chain:
    """Wire a chain. Compile it with a checkpointer of your choice to pause and resume runs.

    `input` is the TypedDict or pydantic model of what a caller gives; `steps` are those from a request to a mail, with
    everything as the settings have it, unless given. `budget` limits each run, and so does the input's `budget`, if it
    has one (`Limits | None`): steps that give `usage` are not begun when it is over. Raises ValueError for steps that
    do not fit together, and for a budget that is none.
    """
    steps = letter_steps() if steps is None else list(steps)
    can_be_taken_back = any(step.compensate for step in steps)
    limited = budget is not None or plain(types(input).get("budget")) == (Limits | None)
    own = {**(types(TakenBack) if can_be_taken_back else {}), **(types(Rationed) if limited else {})}
    state = _state(steps, input, own)
    graph: Chain = StateGraph(state, input_schema=input)
    limits = _checked(steps, budget) if limited else None
    if can_be_taken_back:
        return _with_compensation(graph, steps, state, limits)
    for number, step in enumerate(steps):
        retry, run = RetryPolicy(retry_on=passing, max_attempts=2), step.checked()
        if limits is not None:
            run = rationed(step, run, limits, first=number == 0, back=goes_back(steps, step))
        graph.add_node(step.name, run, input_schema=_shown(step, limits), retry_policy=retry)
    names = [*(step.name for step in steps), END]
    graph.add_edge(START, names[0])
    for step, after in zip(steps, names[1:], strict=True):
        then = _held(step)
        if limits is not None and (spends(step) or goes_back(steps, step)):
            to = dict.fromkeys([*(step.to or [after]), END])
            graph.add_conditional_edges(step.name, _unless_stopped(state, then, after), list(to))
        elif then is None:
            graph.add_edge(step.name, after)
        else:
            graph.add_conditional_edges(step.name, then, list(step.to))
    return graph


def _held(step: Step) -> Callable[[Any], str] | None:
    """The step's `then`, held against its `to`: what is not among them is a ValueError that names the step."""
    if step.then is None:
        return None
    then = cast("Callable[..., str]", step.then)

    @wraps(then)  # LangGraph reads from it what it is to be shown
    def pick(state: Any, **more: Any) -> str:
        to = then(state, **more)
        if to not in step.to:
            raise ValueError(f"step {step.name} goes on to {to!r}; it may go to {', '.join(step.to)}")
        return to

    return pick


def _checked(steps: Sequence[Step], budget: Limits | None) -> Limits:
    if back := [step.name for step in steps if steps[0].name in step.to]:
        raise ValueError(f"step {back[0]} goes back to the first, where a budget begins anew; put a step before that")
    return checked(budget or {})


def _shown(step: Step, limits: Limits | None) -> Any:
    """What of the state the step's node reads: what the step takes, and the account of the budget if there is one."""
    return step.takes if limits is None else TypedDict("Shown", {**types(step.takes), **types(Rationed)})  # type: ignore[operator]


def _unless_stopped(state: Any, then: Callable[[Any], str] | None, after: str) -> Callable[[Any], str]:
    def route(state: Any) -> str:
        if state.get("stopped"):
            return END
        return then(state) if then else after

    route.__annotations__["state"] = state  # as below
    return route


def abandon(chain: Any, config: RunnableConfig, reason: str) -> Any:
    """Give up the run of a compiled chain, wherever it stands: what its steps did is taken back, the last first.

    Returns the state, whose `compensated` says what could not be. Raises ValueError for a chain none of whose steps
    can be taken back, and for a thread on which nothing was begun.
    """
    if "compensate" not in chain.nodes:
        raise ValueError("no step of this chain can be taken back: give it a compensate")
    if chain.get_state(config).created_at is None:
        raise ValueError("nothing was begun on this thread, so there is nothing to take back")
    return chain.invoke(None, chain.update_state(config, {"abandoned": reason}, as_node="begin"))


def _with_compensation(graph: Chain, steps: Sequence[Step], state: Any, limits: Limits | None) -> Chain:
    """Every step may end at `compensate`, which takes one step back a visit."""
    names = [*(step.name for step in steps), END]
    graph.add_node("begin", begin if limits is None else _begin)
    graph.add_node("compensate", compensate(steps))
    graph.add_edge(START, "begin")
    graph.add_conditional_edges("begin", _unless_abandoned(state, None, names[0]), [names[0], "compensate", END])
    for step, after in zip(steps, names[1:], strict=True):
        run: Node[Any] = acted(step)
        if limits is not None:
            back, ends = goes_back(steps, step), ("stopped", "abandoned")
            run = rationed(step, run, limits, first=step is steps[0], back=back, ends=ends)
        graph.add_node(step.name, giving_up(step.name, run), input_schema=_shown(step, limits))
        to = [*(step.to or [after]), "compensate", END]
        graph.add_conditional_edges(step.name, _unless_abandoned(state, _or_give_up(step), after), to)
    graph.add_conditional_edges("compensate", _unless_abandoned(state, None, END), ["compensate", END])
    return graph


def _begin(state: Any) -> dict[str, Any]:
    """As `begin`; a budget that is none is the caller's mistake (ValueError), and no step's."""
    checked(state.get("budget") or {}, least=0)
    return begin(state)


def _or_give_up(step: Step) -> Callable[[Any], str | Send] | None:
    """The step's `then`; one that fails gives the run up, as a step does."""
    pick = _held(step)
    if pick is None:
        return None

    def picked(state: Any) -> dict[str, Any]:
        return {"to": pick(state)}

    def go(state: Any) -> str | Send:
        found = giving_up(step.name, picked)(state)
        return found["to"] if "to" in found else Send("compensate", {**state, **found})

    return go


def _unless_abandoned(state: Any, then: Callable[[Any], str | Send] | None, after: str) -> Callable[[Any], str | Send]:
    def route(state: Any) -> str | Send:
        if state["abandoned"]:
            return "compensate" if left(state) else END
        return then(state) if then else after

    route.__annotations__["state"] = state  # else LangGraph shows it what the step takes
    return route


def letter_steps(
    *,
    model: BaseChatModel | None = None,
    models: Models | None = None,
    retriever: BaseRetriever | None = None,
    settings: ToolSettings | None = None,
) -> list[Step]:
    """Retrieve documents, summarise them, write a mail, draft it, and send it after a person has agreed.

    What is not given is the library, and the settings, read when a run first needs them.
    """
    get_models = when_needed(one_of(model, models))
    known = cache(lambda: settings or ToolSettings())
    get_retriever = cache(lambda: retriever or LibraryRetriever(k=3))

    def sender() -> str:
        return known().mail_from or NOBODY

    def server() -> MailServer | None:
        url = known().mail_server
        return MailServer(url.get_secret_value()) if url and known().mail_from else None

    folder = cache(lambda: known().drafts)
    return [
        Step(
            letter.retrieve(get_retriever),
            "retrieve",
            then=_unless_over("summarise"),
            to=["summarise", END],
            deadline=RETRIEVING,
            without=letter.without,
        ),
        Step(
            letter.summarise(get_models),
            "summarise",
            then=_unless_over("write"),
            to=["write", END],
            without=letter.without,
        ),
        Step(letter.write(get_models), "write", without=letter.without),
        Step(letter.draft(folder, sender, server), "draft", then=_unless_over("approve"), to=["approve", END]),
        Step(letter.approve, then=_after_approval, to=["approve", "write", "send"]),
        Step(letter.send(folder, sender, server), "send"),
    ]


def _unless_over(step: str) -> Callable[[Any], str]:
    return lambda state: END if state["outcome"] else step


def _after_approval(state: Any) -> str:
    """Ask again after a refused answer, write again after a response, else on to the end."""
    if state["refused"]:
        return "approve"
    return "write" if state["decisions"]["mail"]["action"] == "respond" else "send"


def _state(steps: Sequence[Step], input_: Any, own: Types) -> Any:
    """The TypedDict of all that is given. Raises ValueError, naming the step, for what does not fit together.

    `own` is what the chain itself adds: where steps are taken back it has nodes of its own, too.
    """
    taken = {"", START, END, *(("begin", "compensate") if "acted" in own else ())}
    if not steps:
        raise ValueError("steps: none given")
    names = Counter(step.name for step in steps)
    if twice := [name for name, count in names.items() if count > 1 or name in taken]:
        raise ValueError(f"steps: {twice[0]!r} cannot be the name of several, or of one that the graph has itself")
    known, origin = dict(types(input_)), dict.fromkeys(types(input_), "the input")
    for key, kind in own.items():
        known[key], origin[key] = kind, "the chain"
    for step in steps:
        if gone := sorted(step.needs() - known.keys()):
            raise ValueError(
                f"step {step.name} takes {', '.join(gone)}, which neither the input nor a step before it gives; "
                f"there are {', '.join(sorted(known))}"
            )
        _agree(step.name, "takes", types(step.takes), known, origin)
        _agree(step.name, "gives", types(step.gives), known, origin)
        new = {key: kind for key, kind in types(step.gives).items() if key not in known}
        known |= new
        origin |= dict.fromkeys(new, f"step {step.name}")
    _targets(steps)
    return cast("Any", TypedDict)("ChainState", known)


def _agree(step: str, side: str, mine: Any, known: Any, origin: Any) -> None:
    for key in mine.keys() & known.keys():
        kind, given = plain(mine[key]), plain(known[key])
        if Any not in {kind, given} and kind != given:
            raise ValueError(f"step {step} {side} {key} as {_named(kind)}, but {origin[key]} gives {_named(given)}")


def _named(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind)) if not getattr(kind, "__args__", ()) else str(kind)


def _targets(steps: Sequence[Step]) -> None:
    known = {END, *(step.name for step in steps)}
    for step in steps:
        if lost := sorted(set(step.to) - known):
            raise ValueError(f"step {step.name} may go to {', '.join(lost)}, which is no step")


graph: Any = build().compile(name="sequential")

"""The ready graphs: what each is called, what it does, what it is asked, and where its answer is.

A command may know graphs of its user's as well, as long as it lasts: see `also`.

Adding a graph is adding an entry here, and one to `langgraph.json`. A graph in the catalogue promises two things: its
`build()` works without arguments, and its state has `finished_at`, set by its last node and None while a run is under
way: an empty `next` does not mean finished.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from operator import itemgetter
from typing import Any

from threadloom.errors import UsageError

State = Mapping[str, Any]
CONVERSATION = "messages"


def last_message(state: State) -> str:
    """The text of the conversation's last message."""
    return str(state[CONVERSATION][-1].text)


def anything(_given: State) -> None:
    """Every input that fits the schema can be run."""


@dataclass(frozen=True)
class Entry:
    """One ready graph. The rest of what it can be given is read from its input schema: see threadloom/inputs.py."""

    name: str
    summary: str
    """What it does, in a line."""
    module: str
    """Where its `build` is; of a graph of the user's where that is."""
    example: str
    """Something to run it on, as typed after its name: help texts show it, tests run it."""
    text: str = CONVERSATION
    """The input that a person types: a text of this name, or the conversation, which then begins with it."""
    answer: Callable[[State], str] = last_message
    """Its result as Markdown, from the state of a finished run."""
    report: bool = False
    """Whether the answer is written to files even if nobody says where."""
    check: Callable[[State], None] = anything
    """Looks at an input before there is a thread; raises UsageError for what this installation cannot do."""
    own: Any = None
    """The graph itself, where it is the user's: of its state nothing is known."""
    migrations: Any = None
    """What became of its versions, if the user's module says so."""

    def given(self, text: str) -> dict[str, Any]:
        """The input that a typed text makes."""
        return {self.text: [{"role": "user", "content": text}] if self.text == CONVERSATION else text}

    def asked(self, state: State) -> str:
        """What the run is about: what was typed; empty before the first step."""
        if self.text != CONVERSATION:
            return str(state.get(self.text) or "")
        texts = (message.text for message in reversed(state.get(CONVERSATION, [])) if message.type == "human")
        return next(texts, "")


def _sources_at_hand(given: State) -> None:
    from threadloom.tools.papers.catalogue import configured
    from threadloom.tools.settings import load_source_settings

    names = [source.name for source in configured(load_source_settings())]
    for name in given.get("sources") or []:
        if name not in names:
            raise UsageError(
                f"source {name} is not configured (see docs/configuration.md); there are: {', '.join(names)}"
            )
    if not names:
        raise UsageError("all sources are disabled; take one out of THREADLOOM_DISABLED")


def _tools_at_hand(_given: State) -> None:
    from threadloom.graphs.react import ready_tools

    ready_tools()  # raises ConfigError


def _branches_at_hand(_given: State) -> None:
    from threadloom.nodes.branch import UnavailableError
    from threadloom.nodes.briefing import check_settings

    try:
        check_settings()
    except UnavailableError as error:
        raise UsageError(str(error)) from None


def _addresses(given: State) -> None:
    from threadloom.tools.mail.letter import Letter

    for address in given["to"]:
        try:
            Letter(to=[address], subject="-", body="-")
        except ValueError:
            raise UsageError(f"to: {address[:60]!r} is no mail address; give it alone, as in ann@example.org") from None


def _letter(state: State) -> str:
    """What became of the mail, and the mail if there is one."""
    mail = state.get("mail")
    written = f"\n\n**{mail['subject']}**\n\n{mail['body']}" if mail and mail["subject"] else ""
    return f"{state['outcome']}{written}"


ENTRIES = (
    Entry(
        name="research",
        summary="Research a question: search, rank, read, and write a cited report.",
        module="threadloom.graphs.research",
        example='"Does the minimum wage cost jobs?"',
        text="question",
        answer=itemgetter("markdown"),
        report=True,
        check=_sources_at_hand,
    ),
    Entry(
        name="react",
        summary="Answer with tools: the model picks them, sees their results, and goes on until it knows.",
        module="threadloom.graphs.react",
        example='"Which trials tested mRNA vaccines?"',
        check=_tools_at_hand,
    ),
    Entry(
        name="routing",
        summary="Answer a customer: the message goes to whom it is for, and to a person where help pages do not do.",
        module="threadloom.graphs.routing",
        example='"My card was declined, and how do I reset my password?"',
    ),
    Entry(
        name="parallel",
        summary="A briefing: the web, a database and calendars asked at once; what is not available is said.",
        module="threadloom.graphs.parallel",
        example='"Which orders are late, and what is on tomorrow?"',
        text="question",
        answer=itemgetter("answer"),
        check=_branches_at_hand,
    ),
    Entry(
        name="sequential",
        summary="Write a mail from documents: retrieve, summarise, draft; it is sent only after a person agrees.",
        module="threadloom.graphs.sequential",
        example='"How effective are mRNA vaccines?" --to ann@example.org',
        text="request",
        answer=_letter,
        check=_addresses,
    ),
    Entry(
        name="goal",
        summary="Pursue a goal over a workspace of notes: plan, do, reflect, replan, until a judge says done.",
        module="threadloom.graphs.goal",
        example='"Collect what the library knows about mRNA vaccines and write a note comparing the trials"',
        text="goal",
        check=_tools_at_hand,
    ),
    Entry(
        name="supervisor",
        summary="Have a research team answer: a supervisor delegates to searcher, analyst and writer.",
        module="threadloom.graphs.supervisor",
        example='"How do CRISPR guides find their target?"',
    ),
    Entry(
        name="handoff",
        summary="Ask a support desk whose tiers hand over to each other, and to a person at last.",
        module="threadloom.graphs.handoff",
        example='"The app crashes when I sync."',
    ),
    Entry(
        name="debate",
        summary="Debate a contested question: propose from papers, criticise, vote, and decide.",
        module="threadloom.graphs.debate",
        example='"Does raising the minimum wage reduce employment?"',
        text="question",
        answer=itemgetter("markdown"),
        check=_sources_at_hand,
    ),
)
GRAPHS: dict[str, Entry] = {entry.name: entry for entry in ENTRIES}


def own(name: str, place: str, graph: Any, migrations: Any = None) -> Entry:
    """The entry of a graph of the user's, loaded from a place."""
    return Entry(name, "", module=place, example="", text="", answer=_state, own=graph, migrations=migrations)


@contextmanager
def also(entries: Iterable[Entry]) -> Iterator[None]:
    """Have these as well, or instead of those of the same names, until this ends."""
    before = dict(GRAPHS)
    GRAPHS.update({entry.name: entry for entry in entries})
    try:
        yield
    finally:
        GRAPHS.clear()
        GRAPHS.update(before)


def _state(state: State) -> str:
    """All that a graph of the user's knows in the end."""
    from threadloom.runs.plain import plain

    return f"```json\n{json.dumps(plain(state), ensure_ascii=False, indent=2)}\n```"


def find(name: str) -> Entry:
    """The entry of a name. Raises UsageError that suggests the nearest names."""
    if name in GRAPHS:
        return GRAPHS[name]
    near = get_close_matches(name, GRAPHS, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(GRAPHS)}"
    raise UsageError(f"no graph named {name!r}; {hint} (`threadloom graphs` lists them)")


def load(name: str) -> Any:
    """The StateGraph of a name, not compiled unless it is the user's. Raises UsageError for one that is not there."""
    entry = find(name)
    return entry.own if entry.own is not None else import_module(entry.module).build()

"""The rounds of a debate: propose an answer from the papers, then read what the others propose and vote."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from langgraph.types import Send
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from threadloom.models.chain import ModelAnswerError
from threadloom.models.prompts import element, plain, prompt
from threadloom.models.roles import Models
from threadloom.models.structured import ask
from threadloom.nodes.ask import ask_or_extract
from threadloom.nodes.emit import emit
from threadloom.nodes.extract import ReadTask, check
from threadloom.nodes.node import Node
from threadloom.nodes.resolve import shown
from threadloom.nodes.within import TooSlowError, within
from threadloom.state.blackboard import note
from threadloom.state.budget import Limits, after_answer, calls_left, left, shares
from threadloom.state.debate import Ballot, DebateState, Proposal
from threadloom.state.drafts import FindingDraft
from threadloom.state.papers import Paper


class Debater(NamedTuple):
    """Somebody with a point of view."""

    name: str
    stance: str
    """What it looks for, as the model is told."""
    role: str = "debater"


class ProposalDraft(BaseModel):
    """What a debater proposes."""

    answer: str = Field(description="The answer to the question, in two to four sentences")
    findings: list[FindingDraft] = Field(description="At most four findings that carry the answer", max_length=8)


class CriticismDraft(BaseModel):
    """What speaks against one proposal."""

    author: str = Field(description="Whose proposal it is")
    text: str = Field(description="What speaks against it, in one or two sentences")


class BallotDraft(BaseModel):
    """A debater's opinion of all proposals."""

    criticism: list[CriticismDraft] = Field(description="What speaks against each of the others' proposals")
    choice: str = Field(description="The author of the proposal that the evidence supports best; may be you")
    confidence: float = Field(ge=0, le=1, description="How sure you are, from 0 to 1")
    reason: str = Field(description="Why, in one sentence")


class Turn(TypedDict):
    """What one debater is sent."""

    by: str
    question: str
    papers: list[Paper]
    proposals: list[Proposal]
    budget: Limits
    """Its share of what is left."""


def turns(debaters: Sequence[Debater], node: str, *, judge: bool = False) -> Callable[[DebateState], list[Send]]:
    """Conditional edge: one `Send` for each debater, with the papers that were kept and the proposals so far.

    Each gets an equal share of what is left of the budget before any of them speaks, beside that of a judge who comes
    after them.
    """

    def fan_out(state: DebateState) -> list[Send]:
        kept = {verdict["paper_id"] for verdict in state.get("verdicts", []) if verdict["kept"]}
        papers = [paper for paper in state.get("papers", []) if paper["id"] in kept]
        made = list(state.get("proposals", {}).values())
        asked = state["question"]
        parts = shares(remaining(state, judge=judge), len(debaters))
        return [
            Send(node, Turn(by=one.name, question=asked, papers=papers, proposals=made, budget=part))
            for one, part in zip(debaters, parts, strict=True)
        ]

    return fan_out


def remaining(state: DebateState, *, judge: bool = False) -> Limits:
    """What is left of the budget of a debate; what a judge takes is kept, if there is to be one."""
    rest = left(state.get("limits", {}), state.get("usage", {}), state.get("work"))
    return after_answer(rest) if judge else rest


def aloud(speak: Node[Turn], round_: str) -> Node[Turn]:
    """Node factory: the turn of one debater, with word of its beginning and end for whoever streams the run."""

    def turn(state: Turn) -> dict[str, Any]:
        emit("turn_started", debater=state["by"], round=round_)
        update = speak(state)
        made: dict[str, Any] = update.get("proposals") or update.get("ballots") or {}
        choice = made.get(state["by"], {}).get("choice", "")
        problem = "" if made else "; ".join(update.get("notes", {}).values())
        emit("turn_ended", debater=state["by"], round=round_, choice=choice, problem=problem)
        return update

    return turn


def propose(models: Callable[[], Models], debaters: Sequence[Debater]) -> Node[Turn]:
    """Node factory. Where no language model plays a debater it reads only its part of the papers.

    All would select the same sentences otherwise, and there would be nothing to debate.
    """
    known = {one.name: one for one in debaters}
    places = {one.name: at for at, one in enumerate(debaters)}

    def speak(state: Turn) -> dict[str, Any]:
        debater = known[state["by"]]
        mechanical = models().is_extractive(debater.role)
        papers = state["papers"][places[debater.name] :: len(debaters)] if mechanical else state["papers"]
        if not papers:
            return {"notes": {f"debate {debater.name}": f"{debater.name} had nothing to read"}}
        task = (
            f"You are {debater.name} in a debate: {debater.stance} Answer the question from the documents alone, and "
        )
        task += "copy the sentence that supports each finding character by character."
        texts = [element("document", one["abstract"], id=one["id"], title=one["title"]) for one in papers]
        messages = prompt(task, element("question", state["question"]), *texts)
        answer = ask_or_extract(models(), debater.role, ProposalDraft, messages, state["budget"])
        made = _checked(answer.value, debater.name, state["question"], papers)
        spent = {"usage": answer.usage, "choices": [answer.choice(f"debate {debater.name}")]}
        if not made["answer"]:
            return {**spent, "notes": {f"debate {debater.name}": f"{debater.name} found no answer"}}
        board = note({}, "answer", debater.name, made["answer"])
        notes = {f"debate {debater.name}": answer.note} if answer.note else {}
        return {"proposals": {debater.name: made}, "board": board, **spent, "notes": notes}

    return speak


def _checked(draft: ProposalDraft, author: str, question: str, papers: Sequence[Paper]) -> Proposal:
    """The proposal with those of its findings that a paper carries."""
    tasks = [ReadTask(number=number, question=question, paper=paper) for number, paper in enumerate(papers, 1)]
    found = [finding for task in tasks for finding in check(draft.findings, task)["findings"]]
    distinct = list({one["text"]: one for one in found}.values())
    answer = " ".join(plain(draft.answer).split())
    return Proposal(author=author, answer=answer, findings=distinct, dropped=len(draft.findings) - len(distinct))


def vote(models: Callable[[], Models], debaters: Sequence[Debater]) -> Node[Turn]:
    """Node factory. A debater without a language model, or whose answer is of no use, abstains; it is noted."""
    known = {one.name: one for one in debaters}

    def judge(state: Turn) -> dict[str, Any]:
        debater, authors = known[state["by"]], [one["author"] for one in state["proposals"]]
        if models().is_extractive(debater.role):
            return {"notes": {f"vote {debater.name}": "no vote: judging takes a language model"}}
        task = f"You are {debater.name} in a debate: {debater.stance} Say what speaks against the proposals of the "
        task += "others, then which one the quoted evidence supports best. Change your mind where they are right."
        messages = prompt(task, element("question", state["question"]), *map(shown, state["proposals"]))
        try:
            most, seconds = calls_left(state["budget"]), state["budget"].get("seconds")
            answer = within(seconds, lambda: ask(models(), debater.role, BallotDraft, messages, most=most))
        except (ModelAnswerError, TooSlowError) as error:
            spent = error.usage if isinstance(error, ModelAnswerError) else {}
            return {"usage": spent, "notes": {f"vote {debater.name}": f"no vote: {error}"}}
        draft, used = answer.value, {"usage": answer.usage, "choices": [answer.choice(f"vote {debater.name}")]}
        if draft.choice not in authors:
            missed = f"no vote: it chose {draft.choice[:40]!r}, which nobody proposed"
            return {**used, "notes": {f"vote {debater.name}": missed}}
        said = {one.author: one.text for one in draft.criticism if one.author in authors}
        ballot = Ballot(
            voter=debater.name,
            choice=draft.choice,
            confidence=draft.confidence,
            reason=draft.reason,
            criticism=said,
        )
        return {"ballots": {debater.name: ballot}, **used}

    return judge

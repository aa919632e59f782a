"""Deciding between proposals: by majority, weight, evidence or a judge. Each is a function that can be used alone.

A tie goes to the proposal that more verified claims carry, then to the one that was made first; which of these it was
is recorded, and so is who was of another opinion.
"""

from collections.abc import Callable, Mapping, Sequence

from pydantic import BaseModel, Field

from threadloom.models.chain import Answer, ModelAnswerError
from threadloom.models.prompts import element, prompt
from threadloom.models.roles import Models
from threadloom.models.structured import ask
from threadloom.nodes.within import within
from threadloom.state.budget import Limits, calls_left
from threadloom.state.debate import Ballot, Proposal, Resolution

Resolver = Callable[[Sequence[Proposal], Sequence[Ballot]], Resolution]
"""From at least one proposal and the ballots to a decision."""


class JudgementDraft(BaseModel):
    """What a judge is asked for."""

    choice: str = Field(description="The author of the best proposal")
    reason: str = Field(description="Why, in one or two sentences")


def majority(proposals: Sequence[Proposal], ballots: Sequence[Ballot]) -> Resolution:
    """One vote each."""
    return _decided("majority", proposals, ballots, dict.fromkeys((one["voter"] for one in ballots), 1.0))


def weighted(weights: Mapping[str, float] | None = None) -> Resolver:
    """Votes by the voters' weights (1 for who is not named), or without any by how sure they say they are.

    Raises ValueError for a weight that is not a positive number.
    """
    if bad := sorted(name for name, weight in (weights or {}).items() if not 0 < weight < float("inf")):
        raise ValueError(f"weights: {bad[0]} has {(weights or {})[bad[0]]}; a weight is a positive number")

    def decide(proposals: Sequence[Proposal], ballots: Sequence[Ballot]) -> Resolution:
        by_voter = {
            one["voter"]: one["confidence"] if weights is None else weights.get(one["voter"], 1.0) for one in ballots
        }
        return _decided("weight", proposals, ballots, by_voter)

    return decide


def by_evidence(proposals: Sequence[Proposal], ballots: Sequence[Ballot]) -> Resolution:
    """The proposal that most verified claims carry, whatever the votes."""
    tally = {one["author"]: float(len(one["findings"])) for one in proposals}
    return _resolution("evidence", proposals, ballots, tally)


def judged(
    models: Models, role: str, question: str, proposals: Sequence[Proposal], rest: Limits | None = None
) -> Answer[JudgementDraft]:
    """What a model in that role decides, on what the budget leaves.

    Raises ModelAnswerError if it gives no usable answer, or names nobody, and TooSlowError.
    """
    task = "Decide which proposal answers the question best, by the evidence it quotes and not by its tone."
    messages, most = prompt(task, element("question", question), *map(shown, proposals)), calls_left(rest or {})
    answer = within((rest or {}).get("seconds"), lambda: ask(models, role, JudgementDraft, messages, most=most))
    if answer.value.choice not in {one["author"] for one in proposals}:
        raise ModelAnswerError(f"the judge chose {answer.value.choice[:40]!r}, which nobody proposed", answer.usage)
    return answer


def by_judge(judgement: JudgementDraft) -> Resolver:
    """The resolver that follows a judge."""

    def decide(proposals: Sequence[Proposal], ballots: Sequence[Ballot]) -> Resolution:
        decided = _resolution("judge", proposals, ballots, {judgement.choice: 1.0})
        return Resolution(**{**decided, "reason": judgement.reason})

    return decide


def shown(proposal: Proposal) -> str:
    """A proposal as material for a model: its answer and the words that carry it."""
    quotes = "\n".join(f"- {one['text']} (“{one['span']}”, {one['paper_id']})" for one in proposal["findings"])
    return element("proposal", f"{proposal['answer']}\n{quotes}", author=proposal["author"])


def _decided(
    method: str, proposals: Sequence[Proposal], ballots: Sequence[Ballot], weights: Mapping[str, float]
) -> Resolution:
    tally = {one["author"]: 0.0 for one in proposals}
    for ballot in ballots:
        if ballot["choice"] in tally:
            tally[ballot["choice"]] += weights[ballot["voter"]]
    return _resolution(method, proposals, ballots, tally)


def _resolution(
    method: str, proposals: Sequence[Proposal], ballots: Sequence[Ballot], tally: Mapping[str, float]
) -> Resolution:
    most = max(tally.values())
    tied = [one for one in proposals if tally.get(one["author"]) == most]
    best = max(tied, key=lambda one: len(one["findings"]))  # the first of equals
    alike = [one for one in tied if len(one["findings"]) == len(best["findings"])]
    ways = {1: ""} if len(tied) == 1 else {1: f"most verified claims of {len(tied)}"}
    return Resolution(
        choice=best["author"],
        method=method,
        tally=dict(tally),
        tie_break=ways.get(len(alike), f"made first of {len(alike)} that are equal in all else"),
        dissent=[one for one in ballots if one["choice"] != best["author"]],
        reason="",
    )

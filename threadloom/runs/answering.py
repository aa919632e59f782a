"""What an answer does to a question, and time: taken, noted until others agree, or refused; escalated or expired."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from threadloom.runs.errors import AnswerRefusedError
from threadloom.runs.inquiry import DEALT_WITH, Event, Inquiries
from threadloom.runs.question import Question, check


class Reply(NamedTuple):
    """What somebody says: an answer, or a mapping from handles to answers; who, and why."""

    answer: Any
    by: str = ""
    why: str = ""


def seen(inquiries: Inquiries, question: Question) -> Question:
    """A question with where it stands."""
    return replace(question, standing=_standing(question, inquiries.of(question.handle)))


def carry_out(inquiries: Inquiries, questions: Sequence[Question], *, only_escalate: bool) -> str:
    """Do what is due: escalate, or answer as the policy says. Returns why the run is to be given up, if it is."""
    for question in questions:
        policy = question.policy
        if not _is_due(inquiries, question) or policy is None:
            continue
        if policy.escalates_to:
            inquiries.note(question.handle, "escalated", to=list(policy.escalates_to))
        elif not only_escalate:
            inquiries.note(question.handle, "expired")
            if not policy.answers:
                return f"nobody answered question {question.handle} in time"
            inquiries.note(question.handle, "answered", why="nobody answered in time", answer=policy.answers[0])
    return ""


def refusal(inquiries: Inquiries, question: Question, answer: Any, by: str) -> str:
    """Why an answer is not taken; empty when it is."""
    try:
        check(question, answer)
    except AnswerRefusedError as error:
        return str(error)
    told = _not_allowed(inquiries, question, answer, by)
    return f"question {question.handle}: {told}; the run stays as it is" if told else ""


def _not_allowed(inquiries: Inquiries, question: Question, answer: Any, by: str) -> str:
    policy, events = question.policy, inquiries.of(question.handle)
    if policy is None:
        return f"{question.policy_error}, so nobody can answer it: correct the node and cancel the run"
    if _is_due(inquiries, question):
        return "it has expired; resume the run without an answer to have done what is due then"
    bosses = _escalated_to(events)
    if policy.of and by not in (*policy.of, *bosses):
        whom = ", ".join(dict.fromkeys((*policy.of, *bosses)))
        return f"{by} may not answer it; {whom} may" if by else f"say by whom the answer is: {whom} may answer it"
    if policy.needed > 1 and not by:
        return f"it takes {policy.needed} to agree: say by whom the answer is"
    if _same(_votes(events).get(by, _NONE), answer):
        return f"{by} has said so already; {_standing(question, events)}"
    return ""


def take(inquiries: Inquiries, question: Question, answer: Any, by: str, why: str) -> bool:
    """Note an answer that is not refused; returns whether it decides the question."""
    policy, events = question.policy, inquiries.of(question.handle)
    votes = {**_votes(events), by: answer}
    agree = sum(_same(vote, answer) for vote in votes.values())
    decided = policy is None or agree >= policy.needed or by in _escalated_to(events)
    inquiries.note(question.handle, "answered" if decided else "approved", by=by, why=why, answer=answer)
    return decided


def _is_due(inquiries: Inquiries, question: Question) -> bool:
    events = inquiries.of(question.handle)
    expired = any(event.event == "expires" and event.at <= inquiries.now for event in events)
    return expired and not any(event.event in DEALT_WITH for event in events)


_NONE = object()


def _votes(events: Sequence[Event]) -> dict[str, Any]:
    """What everybody said last."""
    return {event.by: event.answer for event in events if event.event == "approved"}


def _escalated_to(events: Sequence[Event]) -> tuple[str, ...]:
    return tuple(name for event in events if event.event == "escalated" for name in event.body["to"])


def _standing(question: Question, events: Sequence[Event]) -> str:
    policy = question.policy
    if policy is None:
        return question.policy_error
    votes, told = _votes(events), []
    if policy.needed > 1:
        differ = len({_text(answer) for answer in votes.values()}) > 1
        said = "; ".join(f"{by} says {_text(answer)}" for by, answer in votes.items()) or "nobody has answered yet"
        told.append(f"takes {policy.needed} to agree: {'answers contradict each other: ' if differ else ''}{said}")
    if policy.of:
        told.append(f"asked of {', '.join(policy.of)}")
    if bosses := _escalated_to(events):
        told.append(f"escalated to {', '.join(bosses)}")
    told += [f"expires {_time(event.at)}" for event in events if event.event == "expires" and not bosses]
    return "; ".join(told)


def _same(one: Any, other: Any) -> bool:
    return one is not _NONE and _text(one) == _text(other)


def _text(answer: Any) -> str:
    return json.dumps(answer, sort_keys=True, ensure_ascii=False, default=repr)


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(" ", "seconds")

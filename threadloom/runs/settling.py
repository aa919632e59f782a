"""What a run goes on with: what is said about its questions, and what is due of them, settled in one transaction."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from threadloom.checkpoints.elements import enter_thread
from threadloom.checkpoints.session import Session
from threadloom.runs import answering, ledger
from threadloom.runs.answering import Reply
from threadloom.runs.inquiry import Inquiries
from threadloom.runs.outcomes import settled
from threadloom.runs.pending import Pending, inquiries_of
from threadloom.runs.question import EFFECT, Question, answers_to
from threadloom.runs.record import Record
from threadloom.runs.run import NOTHING

if TYPE_CHECKING:
    from threadloom.runs.runner import Runner


class Settled(NamedTuple):
    """What came of a reply, or of time: why it is refused, why the run is given up, whether it only waits on, or what
    its graph is given."""

    refused: str = ""
    given_up: str = ""
    waits: bool = False
    answers: Mapping[str, Any] = {}


def settle(session: Session, runner: "Runner", record: Record, fence: int, found: Pending, reply: Reply) -> Settled:
    """Note what is due and what is said, and that the run is running, if it is to go on."""
    enter_thread(session, record.thread_id, "lead", fence=fence)
    inquiries = inquiries_of(session, runner.saver, record)
    silent = reply.answer is NOTHING
    if given_up := answering.carry_out(inquiries, found.questions, only_escalate=not silent):
        runner.records.change(session, replace(record, status="running"))
        runner.records.want(session, record.run_id, "cancel")  # for whoever recovers it if this process dies
        return Settled(given_up=given_up)
    answers = {} if silent else answers_to(found.questions, reply.answer, _gone(inquiries, reply.answer))
    asked = {question.handle: question for question in found.questions}
    if refused := _refused(inquiries, asked, answers, reply):
        return Settled(refused=refused)
    decided = {h for h, given in answers.items() if answering.take(inquiries, asked[h], given, reply.by, reply.why)}
    for handle in decided:
        if handle.startswith(EFFECT):
            _settle_effect(session, runner, record, fence, handle, answers[handle])
    known = {q.handle: a.answer for q in found.every if q.kind == "interrupt" and (a := inquiries.answered(q.handle))}
    if asked and not known and not decided and record.status != "running":
        told = "" if not silent else f"the run waits for an answer to: {', '.join(map(repr, asked))}"
        return Settled(refused=told, waits=True)
    runner.records.change(session, replace(record, status="running", error=""))
    if record.wanted == "pause":
        runner.records.want(session, record.run_id, None)
    return Settled(answers=known)


def _refused(inquiries: Inquiries, asked: Mapping[str, Question], answers: Mapping[str, Any], reply: Reply) -> str:
    """Why a reply is refused as a whole, which is noted, if anything in it is."""
    found = {
        h: told for h, given in answers.items() if (told := answering.refusal(inquiries, asked[h], given, reply.by))
    }
    for handle, told in found.items():
        inquiries.note(handle, "refused", by=reply.by, why=told)
    return "; ".join(found.values())


def _gone(inquiries: Inquiries, answer: Any) -> dict[str, str]:
    """Of the questions that a reply names, what became of those that are answered."""
    handles = [handle for handle in answer if isinstance(handle, str)] if isinstance(answer, Mapping) else []
    known = {handle: event for handle in handles if (event := inquiries.answered(handle))}
    return {h: f": it was answered already{f' by {event.by}' if event.by else ''}" for h, event in known.items()}


def _settle_effect(session: Session, runner: "Runner", record: Record, fence: int, handle: str, answer: Any) -> None:
    codec = runner.saver.codec
    [entry] = ledger.load(session, codec, record.thread_id, record.run_id, handle.removeprefix(EFFECT))
    outcome, value = (answer["outcome"], answer.get("value")) if isinstance(answer, Mapping) else (answer, None)
    ledger.store(session, codec, settled(entry, outcome, value), fence=fence)

"""What a run that stands still waits for, and which of its answers its graph has still to take."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langgraph.types import StateSnapshot

from threadloom.checkpoints.session import Session
from threadloom.runs import answering, ledger
from threadloom.runs.inquiry import Inquiries
from threadloom.runs.question import Question, questions_of
from threadloom.runs.record import Record

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver


@dataclass(frozen=True)
class Pending:
    """What there is.

    Attributes:
        snapshot: the state of the graph.
        questions: what waits for an answer.
        answered: what has one that is not in the state yet.
        answers: those, by handle.
    """

    snapshot: StateSnapshot
    questions: list[Question]
    answered: list[Question]
    answers: Mapping[str, Any]

    @property
    def every(self) -> list[Question]:
        """Questions with and without an answer."""
        return [*self.questions, *self.answered]

    @property
    def has_unknown_effects(self) -> bool:
        """Whether it is not known what became of an effect."""
        return any(question.kind == "effect" for question in self.questions)


def look(saver: "SQLSaver", graph: Any, record: Record) -> Pending:
    """What is pending in a run that nobody drives.

    Args:
        saver, record: the run.
        graph: of the run, with the saver as its checkpointer.
    """
    config: Any = {"configurable": {"thread_id": record.thread_id}}
    snapshot = graph.get_state(config)
    if snapshot.interrupts:
        snapshot = graph.get_state(config, subgraphs=True)
    unknown = saver.database.ask(ledger.unknown, saver.codec, record.thread_id, record.run_id)
    found = questions_of(saver, snapshot, unknown)
    return saver.database.read(_sorted, saver, record, snapshot, found) if found else Pending(snapshot, [], [], {})


def inquiries_of(session: Session, saver: "SQLSaver", record: Record) -> Inquiries:
    """The questions of a run, as noted."""
    return Inquiries(session, saver.codec, record.thread_id, record.run_id)


def _sorted(
    session: Session, saver: "SQLSaver", record: Record, snapshot: StateSnapshot, found: list[Question]
) -> Pending:
    inquiries = inquiries_of(session, saver, record)
    # An answer about an effect is in the ledger at once: if it is unknown again, it is another time that it is.
    given = {q.handle: a.answer for q in found if q.kind == "interrupt" and (a := inquiries.answered(q.handle))}
    return Pending(
        snapshot,
        [answering.seen(inquiries, question) for question in found if question.handle not in given],
        [question for question in found if question.handle in given],
        given,
    )

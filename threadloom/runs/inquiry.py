"""What became of a run's questions, as rows that are only ever added: who was asked, who said what, when and why.

A question is `asked` when the run comes to rest on it. An answer that decides it is `answered`; one with which others
have to agree is `approved`; one that is not taken is `refused`; one that the graph would not have is `returned`, and
the question asked again. `expires` has the time at which that will happen; then it is `escalated`, or `expired` and
perhaps answered. An answer is in the graph's state once its task has ended: until then it is given to the graph
whenever the run goes on, also by whoever recovers it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import func, select

from threadloom.checkpoints.session import Session
from threadloom.checkpoints.values import Codec
from threadloom.runs.question import Question

Kind = Literal["asked", "expires", "answered", "approved", "refused", "returned", "escalated", "expired"]
DEALT_WITH: tuple[Kind, ...] = ("answered", "escalated", "expired")


@dataclass(frozen=True)
class Event:
    """Something that became of a question.

    Attributes:
        handle, number: of which question, and which of its events, from 0.
        event: what happened.
        at: when, or of "expires" when it will, in ms since 1970 by the database's clock.
        by, why: who, and their reason; empty when they did not say.
        body: of "asked" its node, path and prompt; of an answer the "answer"; of "escalated" the names it went "to".
    """

    handle: str
    number: int
    event: Kind
    at: int
    by: str
    why: str
    body: Mapping[str, Any]

    @property
    def answer(self) -> Any:
        """What was answered."""
        return self.body.get("answer")


class Inquiries:
    """The questions of one run, within a transaction.

    Args:
        session: which is open.
        codec: makes bytes of the bodies.
        thread_id, run_id: the run.

    Attributes:
        now: in ms, by the database's clock.
    """

    def __init__(self, session: Session, codec: Codec, thread_id: str, run_id: str) -> None:
        self._session, self._codec, self._thread, self._run = session, codec, thread_id, run_id
        self.now: int = session.execute(select(session.dialect.now())).scalar()
        self._events: dict[str, list[Event]] = {}
        for event in trail(session, codec, thread_id, run_id):
            self._events.setdefault(event.handle, []).append(event)

    def of(self, handle: str) -> Sequence[Event]:
        """The events of a question since it was asked last; none if it was not, or is to be asked again."""
        events = self._events.get(handle, [])
        asked = max((event.number for event in events if event.event == "asked"), default=len(events))
        since = events[asked:]
        return [] if any(event.event == "returned" for event in since) else since

    def answered(self, handle: str) -> Event | None:
        """The answer that decided it, if it is decided."""
        return next((event for event in self.of(handle) if event.event == "answered"), None)

    def note(
        self, handle: str, event: Kind, *, at: int | None = None, by: str = "", why: str = "", **body: Any
    ) -> None:
        """Add an event; what was noted never changes."""
        so_far = self._events.setdefault(handle, [])
        new = Event(handle, len(so_far), event, self.now if at is None else at, by, why, body)
        kept = self._codec.pack(f"question {handle}", {"by": by, "why": why, "body": body})
        place = {"thread_id": self._thread, "run_id": self._run, "handle": handle, "number": new.number}
        self._session.insert_new(
            self._session.tables.questions, [{**place, "event": event, "at": new.at, "body": kept}]
        )
        so_far.append(new)

    def ask(self, questions: Iterable[Question]) -> None:
        """Note of these that they are asked now, unless they were before.

        What became of an effect may be unknown again after somebody said that it is to be tried again.
        """
        for question in questions:
            if self.of(question.handle) and not (question.kind == "effect" and self.answered(question.handle)):
                continue
            asked = {"node": question.node, "path": list(question.path), "prompt": question.prompt}
            self.note(question.handle, "asked", **asked)
            policy = question.policy
            if policy and policy.expires_after is not None:
                self.note(question.handle, "expires", at=self.now + int(policy.expires_after * 1000))

    def move(self, handles: Mapping[str, str]) -> None:
        """Note what became of questions under the handles that they have now, by the ones that they had."""
        for old, new in handles.items():
            for event in self.of(old) if not self._events.get(new) else ():
                self.note(new, event.event, at=event.at, by=event.by, why=event.why, **event.body)

    def give_back(self, questions: Iterable[Question], why: str) -> None:
        """Note that the graph would not have the answers to these, so that they are asked again."""
        for question in questions:
            self.note(question.handle, "returned", why=why)
            self.ask([question])


def trail(session: Session, codec: Codec, thread_id: str, run_id: str) -> list[Event]:
    """All events of a run, in the order in which they were noted; of one time, question by question."""
    table = session.tables.questions
    query = select(table).where(table.c.thread_id == thread_id, table.c.run_id == run_id)
    found: list[tuple[int, Event]] = []
    for row in session.opened(table, session.execute(query.order_by(table.c.handle, table.c.number)).all()):
        kept = codec.unpack(row.thread_id, f"question {row.handle}", row.body)
        noted = found[-1][0] if row.event == "expires" else row.at  # together with "asked"
        found.append((noted, Event(row.handle, row.number, row.event, row.at, **kept)))
    return [event for _, event in sorted(found, key=lambda noted: noted[0])]


def overdue(session: Session) -> list[str]:
    """The ids of waiting runs with a question that has expired and was not dealt with."""
    runs, events = session.tables.runs, session.tables.questions
    later = events.alias()
    since = (
        select(func.count())
        .select_from(later)
        .where(
            later.c.thread_id == events.c.thread_id,
            later.c.run_id == events.c.run_id,
            later.c.handle == events.c.handle,
            later.c.number > events.c.number,
            later.c.event.in_((*DEALT_WITH, "returned")),
        )
    )
    same = (runs.c.thread_id == events.c.thread_id) & (runs.c.run_id == events.c.run_id)
    query = select(runs.c.run_id).distinct().join_from(runs, events, same)
    due = events.c.event == "expires", events.c.at <= session.dialect.now(), since.scalar_subquery() == 0
    return list(session.execute(query.where(runs.c.status == "waiting", *due)).scalars())

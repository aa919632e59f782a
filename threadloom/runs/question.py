"""What a run waits for: questions of its graph and its subgraphs, and effects whose outcome is not known."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from langgraph.types import Interrupt, StateSnapshot

from threadloom.runs.errors import AnswerRefusedError
from threadloom.runs.ledger import Effect
from threadloom.runs.policy import Policy

if TYPE_CHECKING:
    from threadloom.checkpoints import SQLSaver

__all__ = ["EFFECT", "GIVE_UP", "HAPPENED", "RETRY", "Policy", "Question", "answers_to", "check", "questions_of"]

EFFECT = "effect "
HANDLE = re.compile(f"[0-9a-f]{{32}}|{EFFECT}.*", re.DOTALL)
RETRY, HAPPENED, GIVE_UP = "retry", "happened", "give up"
OUTCOMES = {
    "oneOf": [
        {"enum": [RETRY, HAPPENED, GIVE_UP]},
        {
            "type": "object",
            "properties": {"outcome": {"const": HAPPENED}, "value": {}},
            "required": ["outcome"],
            "additionalProperties": False,
        },
    ]
}


@dataclass(frozen=True)
class Question:
    """Something that a run waits for.

    Attributes:
        handle: by which an answer names it.
        kind: "interrupt" of a node, or an "effect" whose outcome is not known.
        node: which node asks, within its graph; empty for an effect.
        path: the nodes in which that graph runs, from the root.
        prompt: what is asked: the interrupt's value, or a line of text.
        schema: JSON Schema of the answer; None when anything will do.
        standing: where it stands, in a line: who has said what, who was asked instead; empty for a plain question.
    """

    handle: str
    kind: Literal["interrupt", "effect"]
    node: str
    path: tuple[str, ...]
    prompt: Any
    schema: Mapping[str, Any] | None = None
    standing: str = ""

    @property
    def policy(self) -> Policy | None:
        """Who may answer it, and until when; None when what its node asks for is no policy: then nobody may."""
        try:
            return self._policy()
        except ValueError:
            return None

    @property
    def policy_error(self) -> str:
        """What is wrong with its policy, if anything is."""
        try:
            self._policy()
        except ValueError as error:
            return str(error)
        return ""

    def _policy(self) -> Policy:
        """Raises ValueError, also where the answer that is taken at last would not be one: sooner than when it is."""
        policy = Policy.of_prompt(self.prompt) if self.kind == "interrupt" else Policy()
        if policy.answers and (told := misfit(self.schema, policy.answers[0])):
            raise ValueError(
                f"policy: then has the answer {policy.answers[0]!r}, which the question does not take: {told}"
            )
        return policy


def questions_of(saver: "SQLSaver", snapshot: StateSnapshot, effects: Iterable[Effect]) -> list[Question]:
    """All that is pending, from the state with its subgraphs and from the ledger; each handle once."""
    found = {question.handle: question for question in _interrupts(saver, snapshot, ())}
    return [*found.values(), *map(_effect, effects)]


def is_by_handles(answer: Any) -> bool:
    """Whether it is a mapping from handles to answers, perhaps of questions that are not pending.

    One key that looks like a handle is enough: else an answer to a question that is gone, or one that has a slip beside
    it, would be taken as a whole for the answer to the next.
    """
    return isinstance(answer, Mapping) and any(isinstance(key, str) and HANDLE.fullmatch(key) for key in answer)


def answers_to(questions: list[Question], answer: Any, gone: Mapping[str, str]) -> dict[str, Any]:
    """Answers by handle; what they are is not looked at.

    Args:
        questions: what is pending.
        answer: of one question its answer; of several a mapping from handles, not necessarily of all of them.
        gone: of questions that are not pending any more, what became of them.

    Raises:
        AnswerRefusedError: nothing is pending, or it is not clear what is answered.
    """
    handles = {question.handle: question for question in questions}
    named = is_by_handles(answer)
    if named and (unknown := [key for key in answer if key not in handles]):
        raise AnswerRefusedError(
            "; ".join(f"no question is pending with handle {key!r}{gone.get(key, '')}" for key in unknown)
        )
    if not questions:
        raise AnswerRefusedError("nothing is pending, so there is nothing to answer; resume without an answer")
    if not named and len(questions) > 1:
        raise AnswerRefusedError(
            f"{len(questions)} questions are pending: answer with a mapping from handles, which are "
            + ", ".join(map(repr, handles))
        )
    return dict(answer) if named else {questions[0].handle: answer}


def check(question: Question, answer: Any) -> None:
    """Raises AnswerRefusedError for an answer of the wrong shape."""
    if told := misfit(question.schema, answer):
        told = f"the answer: one of {RETRY}, {HAPPENED}, {GIVE_UP}" if question.kind == "effect" else told
        raise AnswerRefusedError(f"question {question.handle}: {told}; the run stays as it is")


def misfit(schema: Mapping[str, Any] | None, answer: Any) -> str:
    """Where and why an answer does not fit a JSON Schema; empty when it does."""
    if schema is None:
        return ""
    from jsonschema import SchemaError, ValidationError  # 60 ms, for those who answer
    from jsonschema.validators import validator_for

    try:
        validator_for(schema)(schema).validate(answer)
    except ValidationError as error:
        return f"{'.'.join(map(str, error.absolute_path)) or 'the answer'}: {error.message}"
    except SchemaError:
        return ""  # the node's own, which may still know what to do with the answer
    return ""


def _interrupts(saver: "SQLSaver", snapshot: StateSnapshot, path: tuple[str, ...]) -> Iterator[Question]:
    place: Any = snapshot.config
    namespace = place["configurable"].get("checkpoint_ns", "")
    answers: Mapping[str, int] | None = None
    for task in snapshot.tasks:
        inner = task.state if isinstance(task.state, StateSnapshot) else None
        if inner:
            yield from _interrupts(saver, inner, (*path, task.name))
        if not task.interrupts:
            continue
        answers = _answers(saver, place) if answers is None else answers
        own = f"{namespace}|{task.name}:{task.id}".removeprefix("|")
        for interrupt in task.interrupts:
            # One that came up from a subgraph whose state tells its own may have been answered there since.
            slot = _slot(own, interrupt.id, answers.get(task.id, 0))
            if slot == "next" or (slot == "foreign" and not (inner and inner.created_at)):
                yield _question(interrupt, task.name, path)


def _slot(namespace: str, handle: str, answers: int) -> Literal["next", "answered", "foreign"]:
    """Which of a task's interrupts it is: LangGraph numbers them by the answers that the task had when it asked.

    A task that failed after it had taken an answer still has that question as its last one.
    """
    for number in range(answers + 1):
        if handle == Interrupt.from_ns(None, f"{namespace}|{number}" if number else namespace).id:
            return "next" if number == answers else "answered"
    return "foreign"


def _answers(saver: "SQLSaver", place: Any) -> dict[str, int]:
    """How many answers each task has taken since the checkpoint."""
    stored = saver.get_tuple(place)
    writes = (stored.pending_writes or []) if stored else []
    return {
        task: len(value) if isinstance(value, list) else 1 for task, channel, value in writes if channel == "__resume__"
    }


def _question(interrupt: Interrupt, node: str, path: tuple[str, ...]) -> Question:
    schema: Any = interrupt.response_schema
    return Question(
        interrupt.id, "interrupt", node, path, interrupt.value, schema if isinstance(schema, Mapping) else None
    )


def _effect(entry: Effect) -> Question:
    why = f" ({entry.error})" if entry.error else ""
    prompt = (
        f"Effect {entry.key!r} was begun, and nobody saw whether it happened{why}. Look where it would show, and say "
        f"{RETRY!r}, {HAPPENED!r} (or {{'outcome': {HAPPENED!r}, 'value': …}} with what it returned) or {GIVE_UP!r}."
    )
    return Question(EFFECT + entry.key, "effect", "", (), prompt, OUTCOMES)

"""The runs that are killed: a graph, how it begins, how it is answered, and how its end is told."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import Command, StateSnapshot

from tests.crash import voyage
from threadloom.graphs import research
from threadloom.models.roles import Models
from threadloom.tools.library.source import LibrarySource


@dataclass(frozen=True)
class Workload:
    """A run that can be started, answered and compared.

    Args:
        compiled: the graph with a saver.
        begin: its input.
        begun: whether these values are of this run.
        result: the final state without what is different each time; None as long as it is not final.
        answer: what to answer to a question.
        pauses: how often it waits for an answer.
        every_statement: whether to die between the statements of a transaction too, or around calls only.
        earlier: a run that comes before on the same thread.
    """

    compiled: Callable[[BaseCheckpointSaver[str]], Any]
    begin: Any
    begun: Callable[[dict[str, Any]], bool]
    result: Callable[[dict[str, Any]], dict[str, Any] | None]
    answer: Callable[[Any], Any] = lambda _: None
    pauses: int = 0
    every_statement: bool = False
    earlier: "Workload | None" = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def given(self, snapshot: StateSnapshot) -> Any:
        """What to give to the graph for it to start, or to go on."""
        if not self.begun(snapshot.values):
            return self.begin
        if snapshot.interrupts:
            return Command(resume={asked.id: self.answer(asked.value) for asked in snapshot.interrupts})
        return None

    def end(self, saver: BaseCheckpointSaver[str], config: RunnableConfig) -> dict[str, Any] | None:
        """The final state; None as long as there is work to do."""
        snapshot, latest = self.compiled(saver).get_state(config), saver.get_tuple(config)
        under_way = snapshot.next or (latest and latest.pending_writes)  # an empty `next` alone says nothing
        return None if under_way else self.result(snapshot.values)


def _voyage() -> Workload:
    return Workload(
        compiled=lambda saver: voyage.built().compile(checkpointer=saver),
        begin=voyage.START_INPUT,
        begun=lambda values: "name" in values,
        result=lambda values: values if values.get("ended") else None,
        answer=lambda asked: f"granted for {asked['papers']} papers",
        pauses=1,
        every_statement=True,
    )


FLEETING = ("started_at", "finished_at", "markdown", "coverage")
ANSWERS = {"papers": {"drop": []}, "report": {"approve": True}}


def _research(question: str, *, review: bool = False, earlier: Workload | None = None) -> Workload:
    def result(values: dict[str, Any]) -> dict[str, Any] | None:
        if values.get("question") != question or not values.get("finished_at"):
            return None
        return {key: value for key, value in values.items() if key not in FLEETING}

    return Workload(
        compiled=lambda saver: research.build(models=Models(), sources=[LibrarySource()]).compile(checkpointer=saver),
        begin={"question": question, "review": review},
        begun=lambda values: values.get("question") == question,
        result=result,
        answer=lambda asked: ANSWERS[asked["kind"]],
        pauses=len(ANSWERS) if review else 0,
        earlier=earlier,
        metadata={"graph": "research"},
    )


RECURRENCE = "Do transformers need recurrence to translate well?"

WORKLOADS = {
    "voyage": _voyage(),
    "research": _research(RECURRENCE),
    "research-second": _research(RECURRENCE, earlier=_research("What does a black hole look like?")),
    "research-review": _research(RECURRENCE, review=True),
}

"""State of the pursuit of a goal: the plan with what came of each step, what was learnt, and how the goal is judged."""

from operator import add
from typing import Annotated, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from typing_extensions import TypedDict

from threadloom.state.agent import AgentState
from threadloom.state.budget import Limits

Next = Literal["go_on", "replan", "stop"]
Ahead = Literal["plan", "do", "reflect", "judge"]


class GoalInput(BaseModel):
    """What a caller gives."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    goal: str = Field(min_length=1, max_length=20_000, description="What is to be reached")
    criteria: list[Annotated[str, StringConstraints(min_length=1, max_length=1_000)]] = Field(
        default_factory=list, max_length=12, description="When it is reached; the planner says so unless given"
    )
    budget: Limits | None = Field(default=None, description="Limits of this run; those of the graph hold too")


class PlanStep(TypedDict):
    """One step of the plan. The first open one is next, or under way."""

    task: str
    status: Literal["open", "tried", "done", "failed"]
    """`tried` until it has been reflected on."""
    result: str
    problem: str
    """Why it was stopped or failed; empty when it ended by itself."""
    notes: list[str]
    """Paths in the workspace that it wrote."""
    sources: list[str]
    """What its tools found, by title and id."""


class Made(TypedDict):
    """That a plan was made."""

    tasks: list[str]
    """What it added, in a form in which the same tasks are equal."""
    mark: str
    """Of the notes and acts at that time: equal while nothing has changed."""


class Reflection(TypedDict):
    """What is thought of a step after it was tried."""

    task: str
    worked: bool
    learnt: str
    next: Next
    reason: str


class Check(TypedDict):
    """One criterion of the goal, and what the judge says of it."""

    criterion: str
    met: bool
    reason: str
    """Empty until it was judged."""


class GoalState(AgentState):
    """The conversation holds goals and answers only; what an agent says and calls in a step stays with the step.

    In `interventions`, `at` counts reflections.
    """

    goal: str
    criteria: NotRequired[list[str]]
    """What the caller gave for this run; `checks` has what is judged."""
    plan: NotRequired[list[PlanStep]]
    """Every step that was tried in this run, then those that are open: a new plan replaces only these."""
    ahead: Ahead
    """The node that comes next, if the budget allows it."""
    plans: Annotated[list[Made], add]
    reflections: Annotated[list[Reflection], add]
    checks: NotRequired[list[Check]]
    done: NotRequired[bool]
    """Whether the judge found every criterion met."""
    missing: NotRequired[str]
    """What the judge says is missing."""

"""What people answer when a run asks: one shape for each kind of question, validated before it is used."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class PapersAnswer(BaseModel):
    """Changes to what the ranking kept; an empty answer accepts it."""

    model_config = ConfigDict(extra="forbid")

    drop: list[str] = Field(default_factory=list, description="Ids of kept papers not to read")
    add: list[str] = Field(default_factory=list, description="Ids of dropped papers to read after all")


class ReportAnswer(BaseModel):
    """Whether the report is final; if not, what a new version should change."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="after")
    def _one_or_the_other(self) -> "ReportAnswer":
        if self.approve and (self.drop or self.comment):
            raise ValueError("changes need a new version: approve must be false")
        return self

    approve: bool = Field(description="True makes the report final")
    drop: list[str] = Field(default_factory=list, description="Ids of findings to leave out of the new version")
    comment: str = Field(default="", max_length=2_000, description="What the new version should do differently")


class ProposalAnswer(BaseModel):
    """What becomes of a tool call, or of a draft, that waits for approval."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["approve", "edit", "reject", "respond"] = Field(
        description="approve it as it is; edit it; reject it; or respond, which takes its place without carrying it out"
    )
    args: dict[str, Any] = Field(default_factory=dict, description="With edit: what is to be different, by name")
    text: str = Field(default="", max_length=20_000, description="With reject: why. With respond: the response")

    @model_validator(mode="after")
    def _fits_the_action(self) -> "ProposalAnswer":
        if (self.action == "edit") != bool(self.args):
            raise ValueError("args belong to edit, and edit needs them")
        if self.action == "respond" and not self.text.strip():
            raise ValueError("a response needs text")
        if self.text and self.action in {"approve", "edit"}:
            raise ValueError("text belongs to reject and respond")
        return self


class BudgetAnswer(BaseModel):
    """How much more may be spent, or that the agent has to answer with what it has."""

    model_config = ConfigDict(extra="forbid")

    # Not an empty answer: LangGraph takes an empty resume for none.
    stop: bool = Field(default=False, description="True allows nothing more")
    steps: int = Field(default=0, ge=0, description="More model and tool calls")
    model_calls: int = Field(default=0, ge=0, description="More model calls")
    tokens: int = Field(default=0, ge=0, description="More tokens")
    usd: float = Field(default=0, ge=0, allow_inf_nan=False, description="More US dollars")
    seconds: float = Field(default=0, ge=0, allow_inf_nan=False, description="More seconds of work")

    @model_validator(mode="after")
    def _one_or_the_other(self) -> "BudgetAnswer":
        if self.stop == any(self.more().values()):
            raise ValueError("either stop, or more of something")
        return self

    def more(self) -> dict[str, float]:
        """What may be spent in addition, by measure."""
        return self.model_dump(exclude={"stop"})


class RouteAnswer(BaseModel):
    """Which branches a message is for."""

    model_config = ConfigDict(extra="forbid")

    labels: list[str] = Field(min_length=1, description="Names of branches, in the order to answer in")


class EscalationAnswer(BaseModel):
    """What a person does about a message that could not be left to the graph."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["reply", "close", "hand_over"] = Field(
        description="reply to it; close it without a reply; or hand it over to somebody"
    )
    text: str = Field(default="", max_length=20_000, description="With reply: what to say; empty sends the draft")
    to: str = Field(default="", max_length=200, description="With hand_over: to whom")

    @model_validator(mode="after")
    def _fits_the_action(self) -> "EscalationAnswer":
        if (self.action == "hand_over") != bool(self.to.strip()):
            raise ValueError("to belongs to hand_over, and hand_over needs it")
        if self.text and self.action == "close":
            raise ValueError("text belongs to reply and hand_over; close sends nothing")
        return self


class ReplyAnswer(BaseModel):
    """What a person says in a conversation that was handed over to them."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    text: str = Field(min_length=1, max_length=20_000, description="The answer, as it will be read")


ANSWERS: Mapping[str, type[BaseModel]] = {
    "papers": PapersAnswer,
    "report": ReportAnswer,
    "call": ProposalAnswer,
    "draft": ProposalAnswer,
    "budget": BudgetAnswer,
    "route": RouteAnswer,
    "escalation": EscalationAnswer,
    "reply": ReplyAnswer,
}
"""Kind of question to the shape of its answer."""

"""What models are asked to return: pydantic models, since their answers must be validated.

Field names are a contract: `ChatExtractive` fills them by name, so a renamed field changes what it writes.
"""

from typing import Literal

from pydantic import BaseModel, Field


class PlanDraft(BaseModel):
    """A research plan for one question."""

    topic: str = Field(description="The subject of the question as a short noun phrase")
    sub_questions: list[str] = Field(
        description="Two to five narrower questions that together answer the question", max_length=5
    )
    key_terms: list[str] = Field(
        description="Three to eight search terms or phrases, the most specific first", max_length=8
    )
    year_from: int | None = Field(
        default=None, ge=1000, le=2100, description="First publication year, only if the question asks for one"
    )
    year_to: int | None = Field(
        default=None, ge=1000, le=2100, description="Last publication year, only if the question asks for one"
    )


class FindingDraft(BaseModel):
    """One finding of a paper."""

    claim: str = Field(description="The finding in one sentence that can be understood without the paper")
    quote: str = Field(description="The sentence of the document that supports it, copied character by character")


class FindingsDraft(BaseModel):
    """The findings of one paper that bear on the question."""

    findings: list[FindingDraft] = Field(
        description="At most four findings that bear on the question, the most important first; may be empty",
        max_length=8,
    )


class SentenceDraft(BaseModel):
    """One sentence of a report and the findings it rests on."""

    text: str = Field(description="One sentence, without citation marks")
    findings: list[str] = Field(description="Ids of the findings that support the sentence, at least one")


class ThemeDraft(BaseModel):
    """Findings that belong together."""

    title: str = Field(description="Two to six words")
    sentences: list[SentenceDraft]


class ReportDraft(BaseModel):
    """A structured answer to the question, written from the findings alone."""

    answer: list[SentenceDraft] = Field(description="The answer in brief: one to four sentences")
    themes: list[ThemeDraft] = Field(
        description="The findings grouped by theme; every finding that matters appears once"
    )
    agreements: list[SentenceDraft] = Field(description="Where two or more papers support each other")
    disagreements: list[SentenceDraft] = Field(description="Where papers contradict or qualify each other")
    gaps: list[str] = Field(description="What the findings leave open, one sentence each")


class RouteDraft(BaseModel):
    """One thing that a message asks for."""

    label: str = Field(description="Name of the option that handles it")
    confidence: float = Field(ge=0, le=1, description="How sure that is; below 0.5 if it could as well be another")
    reason: str = Field(description="What in the message says so, in a few words")
    text: str = Field(description="The part of the message that asks for it, copied character by character")


class RoutesDraft(BaseModel):
    """Everything that a message asks for, in its order: usually one thing."""

    routes: list[RouteDraft] = Field(description="Each option that is needed, once; empty if none fits", max_length=8)


class MoodDraft(BaseModel):
    """How the writer of a message feels."""

    sentiment: Literal["negative", "neutral", "positive"] = Field(
        description="Negative for complaints, positive for praise and thanks; a plain question or report is neutral"
    )
    angry: bool = Field(description="Whether the writer is angry, not merely unhappy")
    wants_person: bool = Field(description="Whether the writer asks to speak with a human being")
    mood_reasons: list[str] = Field(description="The words of the message that say so, at most five", max_length=5)


class ClaimDraft(BaseModel):
    """One sentence of an answer."""

    text: str = Field(description="One sentence to the customer")
    quote: str = Field(description="The sentence of a document that supports it, copied character by character")


class AnswerDraft(BaseModel):
    """An answer to a customer from documents alone; empty where they do not answer."""

    claims: list[ClaimDraft] = Field(description="One to four sentences, in the order to read them", max_length=8)

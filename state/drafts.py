"""What models are asked to return: pydantic models, since their answers must be validated.

Field names are a contract: `ChatExtractive` fills them by name, so a renamed field changes what it writes.
"""

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

"""One entry of the library as it is written in files, checked, and as the `Paper` it becomes.

The bundled papers and everything a user adds pass through here, whatever file they come from.
"""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, field_validator

from threadloom.state.papers import MORE_AUTHORS, Author, Paper, TextOrigin
from threadloom.tools.papers import record


class Name(BaseModel):
    """An author; an organisation has only a family name."""

    family: str = Field(min_length=1)
    given: str = ""


class Entry(BaseModel):
    """A paper in our JSON format. Only the title is required; what is not known is left out."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    title: str = Field(min_length=1)
    authors: list[Name | str] = []
    authors_complete: bool = True
    year: int | None = Field(default=None, ge=1000, le=2100)
    venue: str = ""
    kind: str = ""
    volume: str = ""
    issue: str = ""
    pages: str = ""
    summary: str = Field(default="", validation_alias=AliasChoices("summary", "abstract"))
    keywords: list[str] = []
    doi: str = ""
    arxiv_id: str = ""
    pmid: str = ""
    url: str = ""

    @field_validator("*", mode="before")
    @classmethod
    def _absent(cls, value: object, info: Any) -> object:
        """An empty field (`year:` in front matter, null in JSON) is one that is not there."""
        return cls.model_fields[info.field_name].get_default() if value is None else value

    @field_validator("authors", mode="before")
    @classmethod
    def _several_authors(cls, value: object) -> object:
        return re.split(r"\s+and\s+|\s*;\s*", value) if isinstance(value, str) else value

    @field_validator("keywords", mode="before")
    @classmethod
    def _several_keywords(cls, value: object) -> object:
        return re.split(r"\s*[,;]\s*", value) if isinstance(value, str) else value


def to_paper(raw: Mapping[str, Any], origin: TextOrigin) -> Paper:
    """Check an entry and make it a `Paper` whose `found` is empty. Raises ValueError, one line, if it is wrong."""
    try:
        entry = Entry.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from None
    paper = record.paper(
        "library",
        "-".join(re.findall(r"\w+", f"{entry.title} {entry.year or ''}".casefold())),
        entry.title,
        authors=[*map(_author, entry.authors), *([] if entry.authors_complete else [MORE_AUTHORS])],
        year=entry.year,
        venue=entry.venue,
        kind=entry.kind or ("article-journal" if entry.venue else "article"),
        volume=entry.volume,
        issue=entry.issue,
        pages=entry.pages,
        abstract=record.plain(entry.summary),
        keywords=entry.keywords,
        doi=entry.doi,
        arxiv_id=entry.arxiv_id,
        pmid=entry.pmid,
        url=entry.url,
    )
    return {**paper, "text_origin": origin if paper["abstract"] else "none"}


def _author(name: Name | str) -> Author | None:
    return record.author_of(name) if isinstance(name, str) else record.person(name.family, name.given)

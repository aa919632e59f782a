"""A scripted language model for the research graph: behind the OpenAI protocol, reading the prompts it is sent."""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from tests.servers.openai_server import Reply, structured
from threadloom.state.drafts import (
    FindingDraft,
    FindingsDraft,
    PlanDraft,
    ReportDraft,
    SentenceDraft,
    ThemeDraft,
)


def elements(body: Mapping[str, Any], tag: str) -> list[tuple[str, str]]:
    """(id, text) of the elements of that name in the last human message."""
    text = str(body["messages"][-1]["content"])
    found = re.findall(rf"<{tag}([^>]*)>\n(.*?)\n</{tag}>", text, re.DOTALL)
    return [(unescape("".join(re.findall(r'\bid="([^"]*)"', head))), unescape(words)) for head, words in found]


def wanted(body: Mapping[str, Any]) -> str:
    """Which of the drafts the request asks for."""
    return str(body["response_format"]["json_schema"]["name"])


def honest(body: dict[str, Any]) -> Reply:
    """Plans with the question's words, quotes the first two sentences of a document, cites every finding."""
    if wanted(body) == "PlanDraft":
        question = elements(body, "question")[0][1]
        return structured(body, PlanDraft(topic=question, sub_questions=["What is known?"], key_terms=question.split()))
    if wanted(body) == "FindingsDraft":
        sentences = re.split(r"(?<=\.)\s+", elements(body, "document")[0][1])[:2]
        return structured(body, FindingsDraft(findings=[FindingDraft(claim=s, quote=s) for s in sentences]))
    cited = [SentenceDraft(text=f"It is reported: {text}", findings=[id_]) for id_, text in elements(body, "finding")]
    theme = ThemeDraft(title="What was found", sentences=cited)
    return structured(body, ReportDraft(answer=cited[:1], themes=[theme], agreements=[], disagreements=[], gaps=[]))


def inventive(body: dict[str, Any]) -> Reply:
    """As honest, but makes up quotations and cites what does not exist."""
    if wanted(body) == "FindingsDraft":
        invented = FindingDraft(claim="Nine out of ten doctors agree.", quote="Nine out of ten doctors agree on this.")
        real = re.split(r"(?<=\.)\s+", elements(body, "document")[0][1])[0]
        return structured(body, FindingsDraft(findings=[invented, FindingDraft(claim=real, quote=real)]))
    if wanted(body) == "ReportDraft":
        ids = [id_ for id_, _ in elements(body, "finding")]
        answer = [
            SentenceDraft(text="A thing was found.", findings=ids[:1]),
            SentenceDraft(text="Everything is proven beyond doubt.", findings=["F99.1"]),
            SentenceDraft(text="Exactly 123456 patients were cured.", findings=ids[:1]),
        ]
        return structured(body, ReportDraft(answer=answer, themes=[], agreements=[], disagreements=[], gaps=[]))
    return honest(body)

"""Steps from a request to a mail: retrieve, summarise, write, draft, approve, send.

Who gets the mail is what the caller said, never what a model or a document says; the sources below it are retrieved
documents that it cites. Nothing is sent before a person has agreed to exactly that mail.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langgraph.types import Overwrite
from pydantic import BaseModel, Field, ValidationError

from threadloom import effect
from threadloom.models.answers import complaint
from threadloom.models.chain import ModelAnswerError
from threadloom.models.extractive.answer import NOTHING_ON_IT
from threadloom.models.prompts import element, prompt
from threadloom.models.reply import reply
from threadloom.models.roles import Models
from threadloom.models.structured import ask
from threadloom.nodes.approve import approve_draft
from threadloom.nodes.marks import cited, marked, unmarked
from threadloom.runs.errors import EffectAbandonedError, EffectUnknownError
from threadloom.state.budget import calls_left
from threadloom.state.choice import Choice
from threadloom.state.letter import (
    Approved,
    Documents,
    Drafted,
    Mail,
    Material,
    Request,
    Retrieved,
    Sent,
    Source,
    Summary,
    ToApprove,
    ToDraft,
    ToSend,
    Written,
)
from threadloom.state.usage import Usage
from threadloom.tools.mail.draft import write_draft
from threadloom.tools.mail.letter import Letter, message, sender_address
from threadloom.tools.mail.send import MailServer
from threadloom.tools.text import clipped, text

READER, WRITER = "reader", "writer"
SUMMARISE = (
    "Summarise what the documents say about the request, and nothing else of them, in at most 150 words. Behind each "
    "sentence put the number of the document that says it in brackets, as in [1]. If none of them says anything about "
    f"it, answer with this sentence alone: {NOTHING_ON_IT}"
)
WRITE = (
    "Write a mail about the request from the summary: a subject of one line, and a body of plain text without a "
    "list of sources, which is added. Say nothing that is not in the summary, and keep its marks, as in [1]."
)
SAME = "to word it otherwise takes a language model, so this is the same mail again"
UNCITED = "the mail cites no document, so none is listed"
EXTRACTIVE_NOTE = "(extractive, no language model: sentences of the sources, selected by vocabulary)"
MOST_TEXT = 6_000
"""Characters of one document that are read and kept."""
NO_MAIL = Mail(to=[], cc=[], subject="", body="")
"""In place of what an earlier run on the thread wrote."""
MOST_TITLE, MOST_LINK = 300, 2_000


class MailText(BaseModel):
    """What a model writes of a mail."""

    subject: str = Field(min_length=1, max_length=150, description="One line")
    body: str = Field(min_length=1, max_length=20_000, description="Plain text, with salutation")


def retrieve(retriever: Callable[[], BaseRetriever]) -> Callable[[Request], Retrieved]:
    """Step factory: the documents for the request. Raises ValueError if an address is none."""

    def find(state: Request) -> Retrieved:
        _letter(Mail(to=state["to"], cc=[], subject="-", body="-"))  # better said now than after all the work
        documents = [_source(one) for one in retriever().invoke(state["request"])]
        found = Retrieved(
            run=uuid4().hex,
            documents=documents,
            feedback="",
            refused="",
            outcome="" if documents else "No documents were found, so no mail was written.",
            finished_at=None if documents else _now(),
            decisions=cast("Any", Overwrite({})),
            usage=cast("Any", Overwrite({})),
            choices=cast("Any", Overwrite([])),
            notes=cast("Any", Overwrite({})),
        )
        if state.get("mail"):
            found["mail"], found["draft"] = NO_MAIL, ""
        return found

    return find


def summarise(models: Callable[[], Models]) -> Callable[[Documents], Summary]:
    """Step factory: what the documents say; if no model of the role can be had, sentences of them.

    If they say nothing on the request, that is the end.
    """

    def condense(state: Documents) -> Summary:
        found = [
            element("document", unmarked(one["text"]), number=number, title=one["title"])
            for number, one in enumerate(state["documents"], 1)
        ]
        messages = prompt(SUMMARISE, element("question", state["request"]), *found)
        try:
            answer = reply(models(), READER, messages)
        except ModelAnswerError as error:
            note = f"no language model could be had ({error}); sentences were selected instead"
            answer = replace(reply(models().extractive(), READER, messages), usage=error.usage, note=note)
        silent = answer.value.text.strip() == NOTHING_ON_IT
        return Summary(
            summary="" if silent else marked(answer.value.text, state["documents"]),
            outcome="The documents found say nothing on this, so no mail was written." if silent else "",
            finished_at=_now() if silent else None,
            usage=answer.usage,
            choices=[answer.choice("summarise")],
            notes=_noted("summarise", answer.note),
        )

    return condense


def write(models: Callable[[], Models]) -> Callable[[Material], Written]:
    """Step factory: a mail, by the writer or from a template; without a writer a response leaves it as it was."""

    def compose(state: Material) -> Written:
        written, usage, choices, note = _text(models(), state)
        before = state.get("mail")
        if not choices and state["feedback"] and before:
            note = "; ".join(filter(None, [note, SAME]))
            return Written(mail=before, usage=usage, choices=choices, notes={"write": note})
        body, sources = cited(written.body.strip(), state["documents"])
        sources = sources or cited(state["summary"], state["documents"])[1]  # all that the writer had to go by
        if not sources:
            note = "; ".join(filter(None, [note, UNCITED]))
        mail = Mail(to=state["to"], cc=[], subject=" ".join(written.subject.split()), body=body + _listed(sources))
        notes = {"write": note} if state["feedback"] else _noted("write", note)  # no longer that of the version before
        return Written(mail=mail, usage=usage, choices=choices, notes=notes)

    return compose


def draft(
    folder: Callable[[], Path], sender: Callable[[], str], server: Callable[[], MailServer | None]
) -> Callable[[ToDraft], Drafted]:
    """Step factory: the mail as an .eml file; without a server that is the end. Raises ToolException."""

    def save(state: ToDraft) -> Drafted:
        path = write_draft(_letter(state["mail"]), folder(), sender())
        if server():
            return Drafted(draft=str(path), outcome="", finished_at=None)
        end = f"Written to {path}, not sent: that needs THREADLOOM_MAIL_FROM and THREADLOOM_MAIL_SERVER."
        return Drafted(draft=str(path), outcome=end, finished_at=_now())

    return save


def without(reason: str) -> dict[str, Any]:
    """What a step gives where the budget has no room for it: the end."""
    return {"outcome": f"No mail was sent: {reason}.", "finished_at": _now(), "stopped": reason}


def approve(state: ToApprove) -> Approved:
    """Ask a person, who is told how the mail came about; a response is what the next version should do differently."""
    note = state.get("notes", {}).get("write", "")
    prompt = f"May this mail be sent? ({note})" if note else "May this mail be sent?"
    update = approve_draft("mail", prompt=prompt, shape=Letter)(state)
    decision = update.get("decisions", {}).get("mail")
    if decision and decision["action"] == "respond":
        update["feedback"] = decision["text"]
    return cast("Approved", update)


def send(
    folder: Callable[[], Path], sender: Callable[[], str], server: Callable[[], MailServer | None]
) -> Callable[[ToSend], Sent]:
    """Step factory: sends what was approved, as it was approved, and says what became of it.

    Raises NotSentError where the server does not take it: a resume tries again, without another question.
    Under a Runner or a SQLSaver it is an effect: what was sent is not sent again, and if the process dies meanwhile a
    Runner asks a person. Otherwise it is sent again on resume, under the same Message-ID.
    """

    def deliver(state: ToSend) -> Sent:
        letter, decision = _letter(state["mail"]), state["decisions"]["mail"]
        path = str(write_draft(letter, folder(), sender()))  # an edit made it another one
        if decision["action"] in {"approve", "edit"}:
            outcome = _delivered(letter, sender(), server(), state["run"])
        else:
            outcome = f"Not sent: it was rejected. {decision['text']}".strip()
        return Sent(draft=path, outcome=outcome, finished_at=_now())

    return deliver


def _delivered(letter: Letter, sender: str, server: MailServer | None, key: str) -> str:
    if server is None:
        return "Not sent: there is no mail server any more."
    origin, recipients = sender_address(sender), list(dict.fromkeys(letter.to + letter.cc))
    try:
        effect(f"mail {key}", lambda: server.send(message(letter, origin, key), origin.addr_spec, recipients))
    except EffectAbandonedError as error:
        return str(error)
    except EffectUnknownError as error:
        if error.asks:
            raise
        return str(error)
    return f"Sent to {', '.join(recipients)}."


def _listed(sources: Sequence[Source]) -> str:
    lines = [f"[{number}] {one['title']} {one['link']}".strip() for number, one in enumerate(sources, 1)]
    return "\n".join(["\n\nSources:", *lines]) if lines else ""


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _noted(step: str, note: str) -> dict[str, str]:
    return {step: note} if note else {}


def _source(found: Document) -> Source:
    known = found.metadata
    link = next((str(known[key]) for key in ("url", "source") if known.get(key)), "")
    title = clipped(text(str(known.get("title") or found.id or "")), MOST_TITLE) or "untitled"
    return Source(title=title, text=clipped(found.page_content, MOST_TEXT), link=clipped(text(link), MOST_LINK))


def _text(models: Models, state: Material) -> tuple[MailText, dict[str, Usage], list[Choice], str]:
    """Subject and body, what asking for them cost and who did, and a note where no language model wrote them."""
    if models.is_extractive(WRITER):
        return _template(state), {}, [], ""
    material = [element("request", state["request"]), element("summary", state["summary"])]
    if state["feedback"] and (before := state.get("mail")):
        material += [element("earlier-version", before["body"]), element("wanted", state["feedback"])]
    try:
        most = calls_left(state.get("budget") or {})
        answer = ask(models, WRITER, MailText, prompt(WRITE, *material), most=most)
    except ModelAnswerError as error:
        note = f"no language model could be had ({error})"
        return _template(state), error.usage, [], note if state["feedback"] else f"{note}; a template was filled"
    return answer.value, answer.usage, [answer.choice("write")], answer.note


def _template(state: Material) -> MailText:
    body = f"Hello,\n\n{state['summary']}\n\n{EXTRACTIVE_NOTE}"
    return MailText(subject=" ".join(state["request"].split())[:150], body=body)


def _letter(mail: Mail) -> Letter:
    """The mail, checked. Raises ValueError with one line."""
    try:
        return Letter.model_validate(mail)
    except ValidationError as error:
        raise ValueError(f"the mail is none: {complaint(error)}") from None

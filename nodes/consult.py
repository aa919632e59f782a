"""A handler that answers from a knowledge base: retrieve, answer, and keep only what the passages say verbatim."""

from collections.abc import Callable, Sequence
from typing import Any

from threadloom.models.prompts import element, plain, prompt
from threadloom.models.roles import Models
from threadloom.models.settings import EXTRACTIVE
from threadloom.nodes.ask import ask_or_extract
from threadloom.nodes.handler import ATTEMPTS, failed
from threadloom.nodes.node import Node
from threadloom.nodes.span import locate, omits_negation, unsupported_numbers
from threadloom.state.drafts import AnswerDraft, ClaimDraft
from threadloom.state.routing import Claim, Handled, Passage, Task
from threadloom.tools.knowledge.articles import Knowledge

PASSAGES = 4
TASK = (
    "Answer the customer's question as the {role} support of the company, in one to four sentences, from the documents "
    "alone. For each sentence copy the sentence of a document that supports it, character by character. If the "
    "documents do not answer, give no sentence."
)


def consult(models: Callable[[], Models], role: str, knowledge: Callable[[], Knowledge]) -> Node[Task]:
    """Node factory, on the task's budget. A second attempt knows the complaint, and has twice as many passages."""

    def answer(state: Task) -> dict[str, Any]:
        again = state["attempt"] > 1
        question = state["route"]["text"]
        found = knowledge().search(question, PASSAGES * ATTEMPTS)
        passages = found[: PASSAGES * state["attempt"]]
        if not passages:
            return failed(state, "the knowledge base says nothing on this", vain=True)
        told = f"\n\nYour answer before was refused: {state['complaint']}." if again else ""
        documents = [element("document", one["text"], id=one["id"], title=one["title"]) for one in passages]
        messages = prompt(TASK.format(role=role) + told, element("question", question), *documents)
        done = ask_or_extract(models(), role, AnswerDraft, messages, state["budget"])
        handled = _handled(state, done.model, done.value.claims, passages)
        # from the same passages none would be selected again
        handled["vain"] = handled["by"] == EXTRACTIVE and found == passages and not done.value.claims
        return {
            "handled": {state["route"]["label"]: handled},
            "usage": done.usage,
            "choices": [done.choice(state["route"]["label"])],
            "notes": {f"{role}, attempt {state['attempt']}": done.note} if done.note else {},
        }

    return answer


def _handled(task: Task, by: str, drafts: Sequence[ClaimDraft], passages: Sequence[Passage]) -> Handled:
    """What stands of an answer. A first attempt with unsupported sentences is refused; a second goes without them."""
    checked = [(draft, grounded(draft, passages)) for draft in drafts]
    claims = [claim for _, claim in checked if claim]
    dropped = [" ".join(plain(draft.text).split()) for draft, claim in checked if not claim]
    problem = "" if claims else "no sentence of the answer is carried by the knowledge base"
    if dropped and task["attempt"] == 1:
        problem = f"{len(dropped)} of {len(checked)} sentences are not carried by a document, word for word"
    return Handled(
        label=task["route"]["label"],
        by=by,
        answer=" ".join(claim["text"] for claim in claims),
        claims=claims,
        dropped=dropped,
        problem=problem,
        attempt=task["attempt"],
    )


def grounded(draft: ClaimDraft, passages: Sequence[Passage]) -> Claim | None:
    """A sentence as a claim, if words, numbers and negations of a passage carry it; else None."""
    text, quote = " ".join(plain(draft.text).split()), plain(draft.quote)
    for passage in passages:
        found = locate(quote, passage["text"])
        if not text or not found or unsupported_numbers(text, found[1]) or omits_negation(text, quote, found[1]):
            continue
        return Claim(text=text, span=" ".join(found[1].split()), passage_id=passage["id"], title=passage["title"])
    return None

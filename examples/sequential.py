"""A chain of steps of one's own; then the ready one, from a request to a mail that waits for a person.

Without a key the mail is made of sentences of the library; with THREADLOOM_MODEL set, a language model writes it.
"""

from pathlib import Path

from typing_extensions import TypedDict

from threadloom.graphs.sequential import build, letter_steps
from threadloom.nodes.step import Step
from threadloom.tools.settings import ToolSettings


class Text(TypedDict):
    text: str


class Words(TypedDict):
    words: list[str]


class Longest(TypedDict):
    longest: str


def split(given: Text) -> Words:
    return {"words": given["text"].split()}


def pick(given: Words) -> Longest:
    return {"longest": max(given["words"], key=len)}


chain = build([Step(split), Step(pick)], input=Text).compile()
print(chain.invoke({"text": "retrieve summarise write"})["longest"])

try:
    build([Step(pick), Step(split)], input=Text)
except ValueError as error:
    print(error)

# With mail_server="smtp://…" the run stops before sending, until a person approves, edits, rejects or responds.
letter = build(letter_steps(settings=ToolSettings(mail_from="bob@example.org", drafts=Path("drafts")))).compile()
state = letter.invoke({"request": "How effective are mRNA vaccines against Covid-19?", "to": ["ann@example.org"]})
print(state["outcome"], [f"{one['model']} at {one['node']}" for one in state["choices"]])
print(Path(state["draft"]).read_text(encoding="utf-8"))

"""An agent that searches the library and saves notes; saving acts on the world, so it waits for a person.

Without a key it selects sentences by vocabulary; with THREADLOOM_MODEL set, a language model does the work.
"""

from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from langchain_core.tools import tool
from langgraph.types import Command

from threadloom.checkpoints import SQLSaver
from threadloom.graphs.react import build
from threadloom.state.budget import Limits
from threadloom.tools.acting import acting
from threadloom.tools.library.source import LibrarySource
from threadloom.tools.papers.tool import paper_tool

NOTES = Path(mkdtemp()) / "notes.txt"
THREAD: Any = {"configurable": {"thread_id": "notes"}}


@tool
def save_note(text: str) -> str:
    """Save a note in the notebook."""
    with NOTES.open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")
    return f"saved: {text}"


tools = [paper_tool(LibrarySource(), deadline=20), acting(save_note)]
agent = build(tools=tools, budget=Limits(model_calls=8, seconds=300))

with SQLSaver("sqlite://") as saver:
    flow = agent.compile(checkpointer=saver)
    request = 'Search the library for papers on black holes, and save the note "black holes have shadows".'
    state = flow.invoke({"messages": [{"role": "user", "content": request}]}, THREAD)
    while "__interrupt__" in state:
        [question] = state["__interrupt__"]
        print(question.value["prompt"], question.value["details"]["args"])
        state = flow.invoke(Command(resume={question.id: {"action": "approve"}}), THREAD)

print(state["messages"][-1].text)
print("Notes:", NOTES.read_text(encoding="utf-8").strip())
print("Used:", state["usage"], "and", state["work"]["steps"], "steps")

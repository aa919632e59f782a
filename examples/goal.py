"""A goal with criteria of its own, pursued over a folder of notes; what is learnt on the way is printed as it comes.

Without a key the clauses of the goal are the plan, and sentences are selected by vocabulary. With THREADLOOM_MODEL set,
a language model plans, works and judges.
"""

from pathlib import Path
from typing import Any

from threadloom.graphs.goal import build
from threadloom.state.budget import Limits
from threadloom.tools.library.source import LibrarySource
from threadloom.tools.papers.tool import paper_tool
from threadloom.tools.workspace.workspace import Workspace

notes = Workspace(Path("pursuit"))
library = paper_tool(LibrarySource(), deadline=20)
graph = build(tools=[library], workspace=notes, budget=Limits(model_calls=40, seconds=600)).compile()
asked: Any = {
    "goal": "Collect what the library knows about mRNA vaccines and write a note comparing the trials",
    "criteria": ["The notes speak of the efficacy of vaccines in trials", "The notes name sources"],
}

state: dict[str, Any] = {}
events: Any = graph.stream(asked, stream_mode=["values", "custom"])
for mode, part in events:
    if mode == "values":
        state = part
    elif part["event"] == "step_ended":
        print("Step:", part["task"], part["problem"])

for thought in state["reflections"]:
    print("Worked:" if thought["worked"] else "Failed:", thought["learnt"])
for check in state["checks"]:
    print("Met:" if check["met"] else "Not met:", check["criterion"], "-", check["reason"])
print(state["messages"][-1].text)
for entry in notes.files():
    print(entry.path, entry.size, "bytes")

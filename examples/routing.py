"""A support desk over a folder of Markdown pages; an angry customer with two wishes is answered after a person looked.

Without a key it selects sentences by vocabulary; with THREADLOOM_MODEL set, a language model does the work.
"""

from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from langgraph.types import Command

from threadloom.checkpoints import SQLSaver
from threadloom.graphs.routing import build
from threadloom.tools.knowledge.articles import load_folder

PAGES = Path(mkdtemp())
(PAGES / "refunds.md").write_text("# Refunds\n\nA double charge is refunded within five days.", encoding="utf-8")
(PAGES / "login.md").write_text("# Log in\n\nTo log in again, press 'Forgot password'.", encoding="utf-8")
THREAD: Any = {"configurable": {"thread_id": "customer 7"}}

desk = build(knowledge=load_folder(PAGES))

with SQLSaver("sqlite://") as saver:
    flow = desk.compile(checkpointer=saver)
    message = "Unacceptable: you made a double charge, and now I cannot log in!!!"
    state = flow.invoke({"messages": [{"role": "user", "content": message}]}, THREAD)
    for route in state["routes"]:
        print(route["label"], route["confidence"], route["reasons"], repr(route["text"]))
    while "__interrupt__" in state:
        [question] = state["__interrupt__"]
        print(question.value["prompt"])
        state = flow.invoke(Command(resume={question.id: {"action": "reply"}}), THREAD)

print(state["outcome"])
print(state["messages"][-1].text)

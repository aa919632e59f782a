"""A support desk that hands over: to the tier that fits, and to a person where nobody knows.

Without a key tiers are chosen by vocabulary and answer from their tool only; with THREADLOOM_MODEL set, a language
model plays them.
"""

from typing import Any

from langchain_core.tools import tool
from langgraph.types import Command

from threadloom.checkpoints import SQLSaver
from threadloom.graphs.handoff import build, support_tiers


@tool
def search_help(question: str) -> str:
    """Search the help pages for how to solve errors, crashes and the like."""
    return "If the app crashes with error 17, remove its cache folder and start it again." if "17" in question else ""


with SQLSaver("sqlite://") as saver:
    desk = build(peers=support_tiers([search_help])).compile(checkpointer=saver)
    for question in ("The app crashes with error 17. How do I solve that?", "Hello, is anybody there?"):
        thread: Any = {"configurable": {"thread_id": question}}
        state = desk.invoke({"messages": [{"role": "user", "content": question}]}, thread)
        while "__interrupt__" in state:
            [waiting] = state["__interrupt__"]
            print(waiting.value["prompt"])
            state = desk.invoke(Command(resume={waiting.id: {"text": "Yes, I am. What can I do for you?"}}), thread)
        print(" → ".join(["triage", *(one["to"] for one in state["handoffs"])]), "|", state["messages"][-1].text)

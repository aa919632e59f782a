"""A handler that is an agent with tools of its own."""

from typing import Any

from langchain_core.messages import HumanMessage, ToolMessage

from threadloom.nodes.delegate import DEADLINE, delegate
from threadloom.nodes.handler import failed
from threadloom.nodes.node import Node
from threadloom.nodes.span import unsupported_numbers
from threadloom.state.routing import Handled, Task


def entrust(agent: Any, name: str = "agent", deadline: float = DEADLINE) -> Node[Task]:
    """Node factory for a compiled agent (`threadloom.graphs.react`), which gets the handler's share of the budget.

    Nobody waits for it longer than that share, or `deadline` seconds, allows.

    It answers in words of its own, so what is checked of them is little: no number that neither the message nor a tool
    gave. What it may do to the world is its own `review` to guard; a question it asks pauses the run.
    """

    def answer(state: Task) -> dict[str, Any]:
        asked = state["route"]["text"]
        told = f"\n\nYour answer before was refused: {state['complaint']}." if state["complaint"] else ""
        done = delegate(agent, [HumanMessage(asked + told)], state["budget"], deadline)
        if done.failed or done.stopped or not done.answer.strip():
            problem = done.failed or done.stopped or "it gave no answer"
            return {**failed(state, problem), **done.charges()}
        read = [message.text for message in done.messages if isinstance(message, ToolMessage)]
        invented = sorted(unsupported_numbers(done.answer, "\n".join([state["message"], *read])))
        handled = Handled(
            label=state["route"]["label"],
            by=name,
            answer=done.answer,
            claims=[],
            dropped=[],
            problem=f"no tool gave the number {', '.join(invented)}" if invented else "",
            attempt=state["attempt"],
        )
        return {"handled": {state["route"]["label"]: handled}, **done.charges()}

    return answer

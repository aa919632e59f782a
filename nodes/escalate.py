"""Quality control, second half: is the answer good enough to go out by itself, and what does a person say if not?"""

from typing import Any

from threadloom.nodes.question import ask_person
from threadloom.nodes.respond import compose, ended
from threadloom.state.answers import EscalationAnswer
from threadloom.state.routing import RoutingState


def check(state: RoutingState) -> dict[str, Any]:
    """Node: `reason`, why a person should see this; empty if nobody has to."""
    mood = state.get("mood", {})
    handled = state["handled"]
    found = [f"{label}: {one['problem']}" for label, one in handled.items() if one["problem"]]
    found += ["the customer is angry"] if mood.get("angry") else []
    found += ["the customer asks for a person"] if mood.get("wants_person") else []
    return {"reason": "; ".join(found)}


def ask_what_to_do(state: RoutingState) -> dict[str, Any]:
    """Node: a person replies, closes, or hands over; the draft is theirs to send as it is."""
    draft = compose(state) if any(one["answer"] for one in state["handled"].values()) else ""
    message = "\n".join(f"> {line}" for line in str(state["messages"][-1].text)[:20_000].splitlines())
    shown = f"{message}\n\nDraft of an answer:\n\n{draft}" if draft else f"{message}\n\nThere is no draft of an answer."
    try:
        answer = ask_person(
            EscalationAnswer,
            "escalation",
            f"What should be done? {state['reason'][:1].upper()}{state['reason'][1:]}.",
            state.get("refused", ""),
            {"action": "reply"} if draft else {"action": "reply", "text": "…"},
            markdown=shown,
            details={
                "draft": draft,
                "reason": state["reason"],
                "mood": state.get("mood", {}),
                "routes": state["routes"],
            },
        )
        if answer.action == "reply" and not (answer.text.strip() or draft):
            raise ValueError("text: there is no draft to send, so a reply needs text")
    except ValueError as error:
        return {"refused": str(error)}
    if answer.action == "reply":
        return ended("replied", answer.text.strip() or draft, "person" if answer.text.strip() else None)
    if answer.action == "close":
        return ended("closed", "This conversation was closed.", "person")
    return ended(
        "handed over", answer.text.strip() or f"Your message was handed over to {answer.to.strip()}.", "person"
    )

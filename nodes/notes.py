"""What a pursuit has left behind: the notes that its steps wrote, as they stand now, and what it did to the world."""

from collections.abc import Callable, Sequence

from langchain_core.messages import BaseMessage, ToolMessage

from threadloom.models.prompts import element
from threadloom.nodes.stall import mark
from threadloom.state.goal import GoalState, PlanStep
from threadloom.tools.answer import capped
from threadloom.tools.workspace.path import WorkspaceError, parts_of
from threadloom.tools.workspace.tools import WRITERS
from threadloom.tools.workspace.workspace import Workspace

MOST = 6_000
"""Characters of one note that a model is shown."""
MOST_NOTES = 12


def written_by(messages: Sequence[BaseMessage]) -> list[str]:
    """Paths of the notes that the calls of a conversation wrote, each once."""
    found = [
        "/".join(parts_of(str(message.artifact["path"])))
        for message in messages
        if isinstance(message, ToolMessage) and message.name in WRITERS and isinstance(message.artifact, dict)
    ]
    return list(dict.fromkeys(found))


def written(plan: Sequence[PlanStep]) -> list[str]:
    """Paths of the notes that the steps of a plan wrote, the newest last."""
    return list(dict.fromkeys(path for step in reversed(plan) for path in reversed(step["notes"])))[::-1]


def contents(workspace: Callable[[], Workspace], paths: Sequence[str]) -> dict[str, str]:
    """Path to text of the notes that can be read now."""
    found = {}
    for path in paths:
        try:
            found[path] = workspace().read(path)
        except WorkspaceError:  # gone, or replaced by something else
            continue
    return found


def shown_notes(workspace: Callable[[], Workspace], plan: Sequence[PlanStep]) -> list[str]:
    """The newest notes as elements of a prompt, each cut to what a model can read."""
    texts = contents(workspace, written(plan)[-MOST_NOTES:])
    return [element("note", capped(text, MOST, "read_file has the rest"), path=path) for path, text in texts.items()]


def standing_mark(workspace: Callable[[], Workspace], state: GoalState) -> str:
    """A mark that is equal while neither the notes nor what was done to the world has changed."""
    return mark(contents(workspace, written(state.get("plan", []))), state.get("acts", []))

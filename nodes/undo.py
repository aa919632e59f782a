"""Taking back what tools did, as far as it can be taken back: in reverse, each by its own hook.

For graphs whose policy is all or nothing; that a step fails does not keep the earlier ones from being taken back.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from threadloom.state.agent import Act

Undo = Callable[[Act], None]


def undo(acts: Sequence[Act], hooks: Mapping[str, Undo]) -> list[str]:
    """Run the hook of every act's tool, the last act first; returns a line for each that was not taken back."""
    told = ((act, standing(partial(hooks.get(act["tool"], _unknown), act))) for act in reversed(acts))
    return [f"{act['tool']} ({act['call_id']}) stands: {why}" for act, why in told if why]


def _unknown(_: Act) -> None:
    raise LookupError("nothing is known that would take it back")


def standing(hook: Callable[[], object]) -> str:
    """Run a hook that takes something back; why that stands all the same, or nothing."""
    try:
        hook()
    except Exception as error:  # noqa: BLE001 - a failed hook must not keep the others from running
        return str(error) or type(error).__name__
    return ""

"""Taking back what tools did, as far as it can be taken back: in reverse, each by its own hook.

For graphs whose policy is all or nothing; that a step fails does not keep the earlier ones from being taken back.
"""

from collections.abc import Callable, Mapping, Sequence

from threadloom.state.agent import Act

Undo = Callable[[Act], None]


def undo(acts: Sequence[Act], hooks: Mapping[str, Undo]) -> list[str]:
    """Run the hook of every act's tool, the last act first; returns a line for each that was not taken back."""
    left = []
    for act in reversed(acts):
        hook = hooks.get(act["tool"])
        try:
            if hook is None:
                raise LookupError("nothing is known that would take it back")
            hook(act)
        except Exception as error:  # noqa: BLE001 - a failed hook must not keep the others from running
            left.append(f"{act['tool']} ({act['call_id']}) stands: {error}")
    return left

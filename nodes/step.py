"""A step of a chain: a function whose types say what it takes from the state and what it gives to it.

Both are TypedDicts. They are read when the chain is built, so that a step that needs what no step before it gives is an
error then; and what a step returns is held against them when it runs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NotRequired, Required, get_args, get_origin, get_type_hints

from langgraph.types import Overwrite
from pydantic import BaseModel, TypeAdapter, ValidationError
from typing_extensions import is_typeddict

from threadloom.models.answers import complaint
from threadloom.nodes.node import Node
from threadloom.nodes.within import TooSlowError, within

Types = Mapping[str, Any]
"""Key of the state to its type, with its reducer if it has one."""


class StepError(Exception):
    """A step did not return what its type says, or not in time; the message is one line."""


@dataclass(frozen=True)
class Step:
    """A named step: `run` is called with the keys that it takes, and returns those that it gives.

    Both are the TypedDicts of its annotations unless given here. Where the chain goes on is the next step, or what
    `then` picks of `to`: names of steps or END. `compensate` takes back what it did, from the state: see
    `threadloom.nodes.compensate`. After `deadline` seconds, if any, nobody waits for either: that is a StepError.
    `without` says what it gives instead, from the reason, where the chain's budget has no room for it: by default
    `stopped`. Raises ValueError if it is not known what it takes and gives.
    """

    run: Callable[[Any], Any]
    name: str = ""
    takes: Any = None
    gives: Any = None
    then: Callable[[Any], str] | None = None
    to: Sequence[str] = ()
    compensate: Callable[[Any], object] | None = None
    deadline: float | None = None
    without: Callable[[str], Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or getattr(self.run, "__name__", ""))
        hints = list(_hints(self.run).items())
        given = next((kind for key, kind in hints if key != "return"), None)
        object.__setattr__(self, "takes", self.takes or given)
        object.__setattr__(self, "gives", self.gives or dict(hints).get("return"))
        for side in ("takes", "gives"):
            if not is_typeddict(getattr(self, side)):
                raise ValueError(f"step {self.name}: {side}: a TypedDict is needed, as an annotation or an argument")
        if (self.then is None) != (not self.to):
            raise ValueError(f"step {self.name}: then picks one of to: give both or neither")

    def needs(self) -> set[str]:
        """Keys that must be there."""
        return set(self.takes.__required_keys__)

    def checked(self) -> Node[Any]:
        """The step as a node. Raises StepError if it is late, or returns something else than it promised."""
        adapters = {key: TypeAdapter(plain(kind)) for key, kind in types(self.gives).items()}

        def node(state: Any) -> dict[str, Any]:
            ran = self._ran(state)
            if not isinstance(ran, Mapping):
                raise StepError(f"step {self.name} returned {ran!r:.60}, not a dict of what it gives")
            update: dict[str, Any] = dict(ran)
            if wrong := update.keys() - adapters.keys() or self.gives.__required_keys__ - update.keys():
                raise StepError(f"step {self.name} did not return what it gives: {', '.join(sorted(wrong))}")
            for key, value in update.items():
                _hold(f"step {self.name}: {key}", adapters[key], value)
            return update

        return node

    def _ran(self, state: Any) -> Any:
        try:
            return within(self.deadline, lambda: self.run(state))
        except TooSlowError as error:
            raise StepError(f"step {self.name} gave {error}") from None


def types(of: Any) -> Types:
    """The keys of a TypedDict or pydantic model and their types."""
    if isinstance(of, type) and issubclass(of, BaseModel):
        return {key: field.annotation for key, field in of.model_fields.items()}
    return get_type_hints(of, include_extras=True)


def plain(kind: Any) -> Any:
    """A type without what TypedDicts and reducers put around it."""
    while get_origin(kind) in {Annotated, NotRequired, Required}:
        kind = get_args(kind)[0]
    return kind


def _hints(run: Callable[[Any], Any]) -> dict[str, Any]:
    try:
        return get_type_hints(run)
    except (NameError, TypeError):  # annotations that name what only a type checker sees, or none at all
        return {}


def _hold(where: str, adapter: TypeAdapter[Any], value: Any) -> None:
    if isinstance(value, Overwrite):  # LangGraph's way around a reducer
        value = value.value
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError as error:
        raise StepError(f"{where} is not what it promised: {complaint(error)}") from None

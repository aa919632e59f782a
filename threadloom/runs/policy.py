"""Who may answer a question, how many have to agree, and what happens if nobody does in time.

A node asks for it under the key "policy" of its interrupt's value:

    interrupt({"prompt": "Pay 900 EUR?", "policy": Policy(needed=2, of=("ann", "bob", "cy")).asked()})
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

Then = Mapping[str, Any] | Literal["give up"] | None
KEYS = ("needed", "of", "expires_after", "then")
SHAPES = '{"escalate": ["name"]}, {"answer": …} or "give up"'


@dataclass(frozen=True)
class Policy:
    """A policy; an empty one is that of a plain question, which anybody answers.

    Attributes:
        needed: how many different names have to give the same answer.
        of: the names that may; empty for anybody.
        expires_after: seconds, by the database's clock, from when the question was asked.
        then: what happens then: {"escalate": names}, of whom one decides alone; {"answer": the answer that is taken};
            or "give up", which cancels the run.

    Raises ValueError, with what is wrong in a line.
    """

    needed: int = 1
    of: tuple[str, ...] = ()
    expires_after: float | None = None
    then: Then = None

    def __post_init__(self) -> None:
        if not isinstance(self.needed, int) or isinstance(self.needed, bool) or self.needed < 1:
            raise ValueError(f"policy: needed is {self.needed!r}; it is a number from 1")
        object.__setattr__(self, "of", _names("of", self.of) if self.of else ())
        if self.of and self.needed > len(set(self.of)):
            raise ValueError(f"policy: needed is {self.needed}, and of has {len(set(self.of))} different names")
        if (self.expires_after is None) != (self.then is None):
            raise ValueError("policy: expires_after and then belong together")
        if self.expires_after is not None:
            self._check_expiry(self.expires_after)

    def _check_expiry(self, seconds: object) -> None:
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds < 1e9:
            raise ValueError(f"policy: expires_after is {seconds!r}; it is a number of seconds from 0")
        if isinstance(self.then, Mapping) and len(self.then) == 1:
            if "answer" in self.then:
                return
            if "escalate" in self.then:
                _names("escalate", self.then["escalate"])
                return
        if self.then != "give up":
            raise ValueError(f"policy: then is {self.then!r}; it is {SHAPES}")

    @classmethod
    def of_prompt(cls, prompt: Any) -> "Policy":
        """The policy in an interrupt's value, an empty one if it has none; raises ValueError when it is none."""
        asked = prompt.get("policy") if isinstance(prompt, Mapping) else None
        if not isinstance(asked, Mapping) or not any(key in asked for key in KEYS):
            return cls()  # a word of the graph's own
        if unknown := [str(key) for key in asked if key not in KEYS]:
            raise ValueError(f"policy: {', '.join(unknown)} is not known; there are {', '.join(KEYS)}")
        return cls(**cast("Any", asked))

    def asked(self) -> dict[str, Any]:
        """As a node puts it into its interrupt's value: plain JSON."""
        found = {"needed": self.needed, "of": list(self.of), "expires_after": self.expires_after, "then": self.then}
        return {key: value for key, value in found.items() if value not in (None, [])}

    @property
    def answers(self) -> tuple[Any, ...]:
        """The answer that is taken when it has expired, if one is."""
        return (self.then["answer"],) if isinstance(self.then, Mapping) and "answer" in self.then else ()

    @property
    def escalates_to(self) -> tuple[str, ...]:
        """The names to whom it goes when it has expired."""
        return tuple(self.then["escalate"]) if isinstance(self.then, Mapping) and "escalate" in self.then else ()


def _names(key: str, names: object) -> tuple[str, ...]:
    if not isinstance(names, list | tuple) or not names or not all(isinstance(one, str) and one for one in names):
        raise ValueError(f"policy: {key} is {names!r}; it is a list of names")
    return tuple(names)

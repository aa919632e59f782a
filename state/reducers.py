"""How updates of one key are combined: those of parallel branches, and what a new run begins with."""

from collections.abc import Mapping
from typing import Any, TypeVar

from langgraph.types import Overwrite

from threadloom.state.usage import Usage, add_usage

V = TypeVar("V")


def merge_keys(left: Mapping[str, V] | None, right: Mapping[str, V] | None) -> dict[str, V]:
    """Union of two mappings; where both have a key the right one wins. Branches write one key each, so none is lost."""
    return {**(left or {}), **(right or {})}


def merge_usage(left: Mapping[str, Usage] | None, right: Mapping[str, Usage] | None) -> dict[str, Usage]:
    """Add up what each model used, by model name."""
    merged = dict(left or {})
    for model, usage in (right or {}).items():
        merged[model] = add_usage(merged[model], usage) if model in merged else usage
    return merged


def total_usage(usage: Mapping[str, Usage]) -> Usage:
    """What all models used together."""
    total = Usage(calls=0, input_tokens=0, output_tokens=0, cost_usd=0.0)
    for one in usage.values():
        total = add_usage(total, one)
    return total


def lean(state: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """The update, which overwrites only what there is, and leaves out what is empty already: every write is stored.

    `state` is all of it: a key that it does not show counts as empty.
    """
    kept = {key: value for key, value in update.items() if not isinstance(value, Overwrite) or state.get(key)}
    begun = {key: value.value for key, value in update.items() if key not in kept and value.value}
    return {**kept, **begun}

"""What model calls cost: tokens, calls, dollars."""

from typing_extensions import TypedDict


class Usage(TypedDict):
    """Calls and tokens of one model; `cost_usd` is None when the model's price is not known."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


def add_usage(a: Usage, b: Usage) -> Usage:
    """Sum of two usages; the cost is unknown as soon as one of them is."""
    costs = (a["cost_usd"], b["cost_usd"])
    return Usage(
        calls=a["calls"] + b["calls"],
        input_tokens=a["input_tokens"] + b["input_tokens"],
        output_tokens=a["output_tokens"] + b["output_tokens"],
        cost_usd=None if costs[0] is None or costs[1] is None else costs[0] + costs[1],
    )

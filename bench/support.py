"""Intent and mood of the labelled support messages, as the extractive model reads them: python -m bench.support.

Nothing is timed, so it is no work of `python -m bench`. Its tables stand in docs/patterns/routing.md. `--errors` shows
those of the tuned messages only: who looks at the held-out ones tunes on them.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from threadloom.graphs.support import ABOUT
from threadloom.models.extractive.mood import feeling
from threadloom.models.extractive.routes import routes

FOLDER = Path(__file__).parent.parent / "tests" / "data" / "support"
INTENTS = tuple(ABOUT)
MOODS = ("negative", "neutral", "positive")
NAMES = ("tuned", "held-out")


class Judged(NamedTuple):
    """One message, and what was read out of it."""

    message: dict[str, Any]
    intents: list[str]
    mood: str

    @property
    def read(self) -> str:
        """What counts for the confusion of single intents."""
        return self.intents[0] if len(self.intents) == 1 else "several"


def judge(name: str) -> list[Judged]:
    """All messages of a set, judged."""
    messages = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return [Judged(one, intents(one["text"]), feeling(one["text"]).sentiment) for one in messages]


def intents(text: str) -> list[str]:
    """Labels as the graph has them: what is in doubt falls back to general."""
    found = (one.label if one.confidence >= 0.5 else "general" for one in routes(text, ABOUT))
    return list(dict.fromkeys(found)) or ["general"]


def totals(judged: Sequence[Judged]) -> dict[str, tuple[int, int]]:
    """Right and all: of single intents, of double ones (both found and no third), of moods."""
    single = [one for one in judged if len(one.message["intents"]) == 1]
    double = [one for one in judged if len(one.message["intents"]) == 2]
    return {
        "one intent": (sum(one.intents == one.message["intents"] for one in single), len(single)),
        "two intents": (sum(set(one.intents) == set(one.message["intents"]) for one in double), len(double)),
        "mood": (sum(one.mood == one.message["sentiment"] for one in judged), len(judged)),
    }


def confusion(pairs: Sequence[tuple[str, str]], labels: Sequence[str], title: str) -> str:
    """A Markdown table: rows are what the message says, columns what was read."""
    counts = Counter(pairs)
    rows = [label for label in labels if any(true == label for true, _ in pairs)]
    lines = [f"| {title} | {' | '.join(labels)} |", f"|---|{'---:|' * len(labels)}"]
    lines += [f"| {row} | {' | '.join(str(counts[row, label]) for label in labels)} |" for row in rows]
    return "\n".join(lines)


def tables(name: str) -> str:
    """Totals and both confusion tables of a set."""
    judged = judge(name)
    single = [(one.message["intents"][0], one.read) for one in judged if len(one.message["intents"]) == 1]
    moods = [(one.message["sentiment"], one.mood) for one in judged]
    said = ", ".join(f"{what} {right} of {all_}" for what, (right, all_) in totals(judged).items())
    return "\n\n".join(
        [
            f"{name.capitalize()} messages: {said}.",
            confusion(single, (*INTENTS, "several"), "intent"),
            confusion(moods, MOODS, "mood"),
        ]
    )


def main() -> None:
    """Print the tables, or what the tuned messages got wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.support", description="How well intent and mood are read.")
    parser.add_argument("--errors", action="store_true", help="show the errors in the tuned messages")
    if not parser.parse_args().errors:
        print("\n\n".join(map(tables, NAMES)))
        return
    for one in judge("tuned"):
        if set(one.intents) != set(one.message["intents"]) or one.mood != one.message["sentiment"]:
            print(
                one.message["text"],
                one.message["intents"],
                one.intents,
                one.message["sentiment"],
                one.mood,
                sep="\n   ",
            )


if __name__ == "__main__":
    main()

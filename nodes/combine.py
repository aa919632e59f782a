"""Fan-in: the branches' parts become one answer that says where each comes from, what is missing, what disagrees."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage
from langgraph.errors import GraphBubbleUp

from threadloom.models.chain import Answer, ModelAnswerError
from threadloom.models.prompts import element, prompt
from threadloom.models.reply import reply
from threadloom.models.roles import Models
from threadloom.nodes.node import Node
from threadloom.nodes.race import Races
from threadloom.nodes.within import TooSlowError, within
from threadloom.state.budget import Limits, Stopwatch, left, shortage
from threadloom.state.choice import Choice
from threadloom.state.parallel import Claim, Conflict, Missing, ParallelState, Part
from threadloom.state.reducers import total_usage
from threadloom.state.usage import Usage
from threadloom.tools.answer import shown
from threadloom.tools.text import clipped, text

ROLE = "writer"
TASK = (
    "Answer the question from the parts below, each found by another source. Name the source of what you say in "
    "brackets, as in [web]. Where sources disagree say so. Say nothing that is in none of them. Be brief."
)
EXTRACTIVE_NOTE = "(extractive, no language model: what each source gave, unchanged)"
MOST_LINES = 12
"""Of each part, where nothing but lines is shown."""
MOST_REASON = 300


class Resolution(NamedTuple):
    """What holds, and why that."""

    value: Any
    reason: str


Resolver = Callable[[Conflict, Mapping[str, Part]], Resolution | None]
"""Decides a conflict, with the parts by branch at hand; None leaves it open."""


class Composed(NamedTuple):
    """An answer before what is missing was added to it."""

    text: str
    usage: Mapping[str, Usage] = {}
    note: str = ""
    choices: Sequence[Choice] = ()


Compose = Callable[[str, Sequence[Part], Sequence[Conflict]], Composed | str]
"""From the question, what was found and what disagrees to a text."""
Writer = Callable[[str, Sequence[Part], Sequence[Conflict], Limits], Composed]
"""The same on what the budget leaves, and no longer than its seconds."""


def combine(
    branches: Sequence[str], enough: int, races: Races, resolver: Resolver, compose: Writer
) -> Node[ParallelState]:
    """Node factory. Whatever `compose` writes, the answer names what is missing and what disagrees."""

    def join(state: ParallelState) -> dict[str, Any]:
        races.end(state["run"])
        watch, limits = Stopwatch(), state.get("limits", {})
        rest = left(limits, state["usage"], state.get("work"))
        parts = [state["parts"][name] for name in branches if name in state["parts"]]
        missing = [state["missing"][name] for name in branches if name in state["missing"]]
        conflicts = [_settled(one, resolver, state["parts"], _later(rest, watch)) for one in disagreements(parts)]
        unmet = _unmet(len(parts), enough, len(branches))
        writes = parts and not unmet
        composed = Composed(unmet or NOTHING)
        if writes:
            composed = compose(state["question"], parts, conflicts, _later(rest, watch))
        work = {"work": watch.work(total_usage(composed.usage)["calls"])} if limits else {}
        return {
            "conflicts": conflicts,
            "unmet": unmet,
            "answer": "\n\n".join(filter(None, [composed.text, _disputed(conflicts), _absent(missing)])),
            "usage": dict(composed.usage),
            **({"choices": list(composed.choices)} if composed.choices else {}),
            **work,
            "notes": {"answer": composed.note} if composed.note else {},
            "finished_at": datetime.now(UTC).isoformat(),
        }

    return join


NOTHING = "No source had an answer."


def unresolved(conflict: Conflict, parts: Mapping[str, Part]) -> Resolution | None:  # noqa: ARG001 - a Resolver
    """Leaves conflicts open: the answer shows every claim."""
    return None


def disagreements(parts: Sequence[Part]) -> list[Conflict]:
    """Facts for which not all branches that know them claim the same."""
    claims: dict[str, list[Claim]] = {}
    for part in parts:
        for fact, value in part["facts"].items():
            claims.setdefault(fact, []).append(Claim(branch=part["branch"], value=value))
    return [
        Conflict(fact=fact, claims=made, resolved=False, value=None, reason="")
        for fact, made in claims.items()
        if any(claim["value"] != made[0]["value"] for claim in made)
    ]


def unlimited(compose: Compose) -> Writer:
    """A text that is written whatever the budget leaves but time; where that fails, what each source gave."""

    def write(question: str, parts: Sequence[Part], conflicts: Sequence[Conflict], rest: Limits) -> Composed:
        try:
            done: object = within(rest.get("seconds"), lambda: compose(question, parts, conflicts))
            if not isinstance(done, str | Composed):
                raise TypeError(f"it returned {done!r:.60}, not a text")
        except GraphBubbleUp:
            raise
        except Exception as error:  # noqa: BLE001 - a user's hook must not cost what was found
            usage = error.usage if isinstance(error, ModelAnswerError) else {}
            said = clipped(text(str(error)), MOST_REASON)
            return Composed(listed(parts), usage, f"compose failed: {type(error).__name__}: {said}")
        return Composed(done) if isinstance(done, str) else done

    return write


def written(models: Callable[[], Models], task: str = TASK) -> Writer:
    """The writer's text; without a language model, or if none can be had or paid, what each source gave."""

    def compose(question: str, parts: Sequence[Part], conflicts: Sequence[Conflict], rest: Limits) -> Composed:
        if models().is_extractive(ROLE):
            return Composed(listed(parts))
        if gone := shortage(rest):
            return Composed(listed(parts), note=f"no language model wrote it: {gone}")
        material = [element("part", part["text"], source=part["branch"]) for part in parts]
        settled = [element("settled", _line(one)) for one in conflicts]
        messages = prompt(task, element("question", question), *material, *settled)
        try:
            answer: Answer[AIMessage] = within(rest.get("seconds"), lambda: reply(models(), ROLE, messages))
        except (ModelAnswerError, TooSlowError) as error:
            usage = error.usage if isinstance(error, ModelAnswerError) else {}
            return Composed(listed(parts), usage, f"no language model could be had ({error})")
        wording = answer.value.text.strip() or listed(parts)
        return Composed(wording, answer.usage, answer.note, [answer.choice("combine")])

    return compose


def listed(parts: Sequence[Part]) -> str:
    """The parts under their names."""
    return "\n\n".join([*map(_section, parts), EXTRACTIVE_NOTE])


def _section(part: Part) -> str:
    lines = part["text"].splitlines()
    more = len(lines) - MOST_LINES
    kept = lines[:MOST_LINES] + ([f"[{more} more lines]"] if more > 0 else [])
    return "\n".join([f"From {part['branch']}:", *kept])


def _later(rest: Limits, watch: Stopwatch) -> Limits:
    return {**rest, "seconds": max(rest["seconds"] - watch.seconds(), 0)} if "seconds" in rest else rest


def _settled(conflict: Conflict, resolver: Resolver, parts: Mapping[str, Part], rest: Limits) -> Conflict:
    """A resolver that fails, or takes too long, leaves the conflict open, and that is its reason."""
    try:
        found = within(rest.get("seconds"), lambda: resolver(conflict, parts))
    except Exception as error:  # noqa: BLE001 - a user's hook must not cost what was found
        return {**conflict, "reason": f"the resolver failed: {type(error).__name__}: {error}"}
    if found is None:
        return {**conflict, "reason": "left open"}
    return {**conflict, "resolved": True, "value": found.value, "reason": found.reason}


def _unmet(found: int, enough: int, branches: int) -> str:
    if found >= enough:
        return ""
    return f"Not answered: {enough} of {branches} branches have to find something, {found} did."


def _disputed(conflicts: Sequence[Conflict]) -> str:
    return "\n".join(["Sources disagree:", *(f"- {_line(one)}" for one in conflicts)]) if conflicts else ""


def _line(conflict: Conflict) -> str:
    claims = ", ".join(f"{shown(claim['value'])} ({claim['branch']})" for claim in conflict["claims"])
    end = f"; {shown(conflict['value'])} holds: {conflict['reason']}" if conflict["resolved"] else "; open"
    return f"{conflict['fact']}: {claims}{end}"


def _absent(missing: Sequence[Missing]) -> str:
    lines = [f"- {one['branch']}: {one['why']} ({one['reason']})" for one in missing]
    return "\n".join(["Missing:", *lines]) if lines else ""

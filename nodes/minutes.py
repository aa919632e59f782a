"""The minutes of a debate as Markdown: the answer that was taken, the others, what was said against each, and why."""

from collections.abc import Iterator, Sequence

from threadloom.models.settings import EXTRACTIVE
from threadloom.nodes.markdown import escape
from threadloom.state.debate import Ballot, DebateState, Proposal, Resolution


def minutes(state: DebateState, made: Resolution, proposals: Sequence[Proposal], ballots: Sequence[Ballot]) -> str:
    """All text of models and papers is escaped: it reads as it is and does nothing."""
    titles = {paper["id"]: paper["title"] for paper in state.get("papers", [])}
    lines = [f"# {escape(state['question'])}", ""]
    if not made["choice"]:
        lines += [f"No answer: {made['reason']}.", ""]
    for one in sorted(proposals, key=lambda one: one["author"] != made["choice"]):
        lines += [] if one["author"] == made["choice"] else [f"## Proposed by {one['author']}", ""]
        lines += [escape(one["answer"]), ""]
        lines += [
            f"- “{escape(each['span'])}” ({escape(titles[each['paper_id']])}, {escape(each['paper_id'])})"
            for each in one["findings"]
        ]
        said = {by["voter"]: by["criticism"].get(one["author"], "") for by in ballots}
        lines += [f"- Against it, {voter}: {escape(text)}" for voter, text in said.items() if text]
        lines += [""]
    return "\n".join([*lines, "## How it was decided", "", *_decision(state, made)]) + "\n"


def _decision(state: DebateState, made: Resolution) -> Iterator[str]:
    tally = ", ".join(f"{author} {count:g}" for author, count in made["tally"].items())
    if made["method"] != "none":
        yield f"- By {made['method']}: {tally or 'nothing to count'}. {escape(made['reason'])}".rstrip()
    if made["tie_break"]:
        yield f"- Tie: {made['tie_break']}."
    for one in made["dissent"]:
        yield f"- Dissent, {one['voter']} for {one['choice']}: {escape(one['reason'])}"
    dropped = sum(one["dropped"] for one in state.get("proposals", {}).values())
    if dropped:
        yield f"- {dropped} claim(s) left out: no paper has the words they quote."
    for key, text in state.get("notes", {}).items():
        if text:
            yield f"- {escape(key)}: {escape(text)}"
    for report in state.get("coverage", {}).values():
        if report["status"] == "failed":
            yield f"- {report['source']} was not available: {escape(report['reason'])}"
    if set(state.get("usage", {})) <= {EXTRACTIVE}:
        yield "- Extractive, no language model: sentences were selected by vocabulary."

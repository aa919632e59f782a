"""A run as one JSON object: what `--json` prints and scripts read."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from threadloom.catalogue import GRAPHS
from threadloom.nodes.synthesise import findings_of
from threadloom.runs.plain import plain
from threadloom.state.papers import Paper
from threadloom.state.reducers import total_usage
from threadloom.state.research import ResearchState
from threadloom.threads import Thread


def run_result(thread: Thread, files: Sequence[Path | str]) -> dict[str, Any]:
    """Plain JSON values only. Keys that the run has not come to yet are empty, never missing."""
    ready = thread.graph in GRAPHS and GRAPHS[thread.graph].own is None
    state = thread.values if ready else {}  # elsewhere these words may mean anything
    usage = total_usage(state.get("usage", {}))
    return {
        "thread_id": thread.id,
        "graph": thread.graph,
        "status": thread.status,
        "question": thread.question,
        "answer": thread.answer if ready and thread.status == "done" else "",
        **(DETAILS.get(thread.graph, _whole) if ready else _whole)(thread.values),
        "notes": {stage: note for stage, note in state.get("notes", {}).items() if note},
        "stopped": state.get("stopped") or "",
        "model": sorted(state.get("usage", {})),
        "choices": state.get("choices", []),
        "tokens": {"input": usage["input_tokens"], "output": usage["output_tokens"]},
        "cost_usd": usage["cost_usd"],
        "seconds": _seconds(state, thread.seconds),
        "files": [str(file) for file in files],
        **({"calls": thread.calls._asdict()} if thread.calls else {}),
    }


def _whole(state: Mapping[str, Any]) -> dict[str, Any]:
    return {"state": plain(state)}


def _research(values: Mapping[str, Any]) -> dict[str, Any]:
    state = cast("ResearchState", values)
    report = state.get("report")
    return {
        "answer": " ".join(sentence["text"] for sentence in report["answer"]) if report else "",
        "report": report,
        "findings": list(findings_of(state).values()),
        "papers": _papers(state),
        "references": state.get("references", []),
        "coverage": list(state.get("coverage", {}).values()),
    }


DETAILS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {"research": _research}
"""Graph to what is said of it instead of its whole state."""


def _papers(state: ResearchState) -> list[dict[str, Any]]:
    verdicts = {verdict["paper_id"]: verdict for verdict in state.get("verdicts", [])}
    return [
        _paper(paper) | {"kept": verdicts[paper["id"]]["kept"], "reason": verdicts[paper["id"]]["reason"]}
        for paper in state.get("papers", [])
        if paper["id"] in verdicts
    ]


def _paper(paper: Paper) -> dict[str, Any]:
    return {
        "id": paper["id"],
        "title": paper["title"],
        "authors": [f"{author['given']} {author['family']}".strip() for author in paper["authors"]],
        "year": paper["year"],
        "venue": paper["venue"],
        "ids": {key: paper[key] for key in ("doi", "arxiv_id", "pmid") if paper[key]},
        "url": paper["url"],
        "sources": paper["found"],
    }


def _seconds(state: Mapping[str, Any], run: float | None) -> float | None:
    """What the graph says, which leaves out the time that a person took; else that of the run."""
    began, ended, work = state.get("started_at"), state.get("finished_at"), state.get("work")
    if began and ended:
        return round((datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds(), 2)
    return round(work["seconds"], 2) if work and work["until"] else run and round(run, 2)

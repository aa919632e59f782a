"""The last stage: the report as Markdown, and the word that the run is done."""

from datetime import UTC, datetime
from typing import Any

from threadloom.nodes.render import render
from threadloom.state.research import ResearchState


def finish(state: ResearchState) -> dict[str, Any]:
    """Set `markdown` and `finished_at`; only this makes a run finished."""
    finished_at = datetime.now(UTC).isoformat()
    return {"finished_at": finished_at, "markdown": render({**state, "finished_at": finished_at})}

"""What starting costs, beside a bare interpreter: whole processes."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from bench.measure import Figure, interleaved, timed
from bench.peers import Peer
from bench.scale import Scale

THREADLOOM = str(Path(sys.executable).parent / "threadloom")
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "threadloom --help": [THREADLOOM, "--help"],
    "threadloom run research --help": [THREADLOOM, "run", "research", "--help"],
    "import langgraph.graph": [sys.executable, "-c", "import langgraph.graph"],
    "import threadloom.graphs.research": [sys.executable, "-c", "import threadloom.graphs.research"],
}


def measure(peers: Sequence[Peer], scale: Scale) -> Iterator[Figure]:  # noqa: ARG001  # no saver takes part
    """Commands in turn."""
    runs = {
        name: timed(partial(subprocess.run, command, check=True, stdout=subprocess.DEVNULL))
        for name, command in COMMANDS.items()
    }
    yield Figure("start", "ms", interleaved(runs, scale.runs))

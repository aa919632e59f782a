"""The command line: python -m bench --help."""

import argparse
import datetime as dt
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench import table
from bench.machine import load, machine, packages
from bench.measure import Figure
from bench.peers import PEERS, Peer, usable
from bench.scale import FULL, QUICK, Scale
from bench.works import WORKS

FAILED = "failed: "
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Measure what is asked for, print it, and keep it; exits with 1 if a kind of work failed or was interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was measured until then is kept
    asked = _parser().parse_args()
    if asked.list:
        for name, work in WORKS.items():
            print(f"{name:<11}{work.about}")
        return
    console = Console(width=80)
    peers = [peer for peer in PEERS if asked.peer in peer.name]
    works, facts = run(asked.names or list(WORKS), peers, QUICK if asked.quick else FULL)
    table.show(console, table.grids(works), facts)
    what = "-".join(asked.names[:3]) or "all"
    stem = RESULTS / f"{dt.datetime.now(dt.UTC).date()}-{what}{'-quick' if asked.quick else ''}"
    for path in table.keep(stem, works, facts):
        console.print(f"written to bench/results/{path.name}", soft_wrap=True)
    sys.exit(any(label.startswith(FAILED) for label in facts))


def run(names: Sequence[str], peers: Sequence[Peer], scale: Scale) -> tuple[dict[str, list[Figure]], dict[str, str]]:
    """Figures by kind of work, and facts to read them by: machine, versions, who or what is missing and why."""
    began, load_before = time.monotonic(), load()
    able, missing = usable(peers)
    missing = {f"left out: {name}": reason for name, reason in missing.items()}
    works = {}
    for name in names:
        print(f"measuring {name} …", file=sys.stderr)
        try:
            works[name] = list(WORKS[name].measure(able, scale))
        except Exception as exc:  # noqa: BLE001  # one that fails takes nothing from the others; it is said, and in the exit code
            traceback.print_exc()
            missing[FAILED + name] = type(exc).__name__
        except KeyboardInterrupt:
            missing[FAILED + name] = "interrupted, and whatever was to follow"
            break
    databases = "; ".join({peer.databases.facts(): None for peer in able})
    measured = {"databases": databases, "packages": packages(), "load": f"{load_before} before, {load()} after"}
    return works, machine() | measured | {"took": f"{time.monotonic() - began:.0f} s"} | missing


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Savers side by side, in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="kinds of work; all of them if none is named")
    parser.add_argument("--quick", action="store_true", help="under two minutes: fewer repetitions, no growth on disk")
    parser.add_argument("--peer", default="", metavar="TEXT", help="only peers whose name contains this")
    parser.add_argument("--list", action="store_true", help="show the kinds of work")
    return parser


if __name__ == "__main__":
    main()

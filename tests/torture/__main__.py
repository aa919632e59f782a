"""Torture every kind of database: python -m tests.torture --help."""

import argparse
import random
import sys

from tests.torture.databases import DATABASES, tortured

WRONG = ("wrong ends", "never happened", "repeated unasked", "broken")


def main() -> None:
    """Print a report for each kind; exits with 1 if something is wrong."""
    asked = _parser().parse_args()
    seed = asked.seed if asked.seed is not None else random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201
    failed = False
    for kind in asked.databases or DATABASES:
        report = tortured(kind, seed, asked.runs, asked.workers)
        failed |= any(report[name] for name in WRONG) or not report["idempotency keys"]
        print(f"{kind}: " + ", ".join(f"{name} {value}" for name, value in report.items()))  # noqa: T201
    sys.exit(failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture", description="Kill and freeze the workers of many runs until all have ended."
    )
    parser.add_argument("databases", nargs="*", choices=[*DATABASES, []], help="kinds; all of them if none is named")
    parser.add_argument("--seed", type=int, help="of the blows; another one each time unless told")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--workers", type=int, default=4)
    return parser


if __name__ == "__main__":
    main()

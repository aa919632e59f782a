"""What starting costs, as ratios to a bare interpreter, interleaved in one run: python -m bench.start_up"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

THREADLOOM = str(Path(sys.executable).parent / "threadloom")
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "threadloom --help": [THREADLOOM, "--help"],
    "threadloom run research --help": [THREADLOOM, "run", "research", "--help"],
    "import langgraph.graph": [sys.executable, "-c", "import langgraph.graph"],
    "import threadloom.graphs.research": [sys.executable, "-c", "import threadloom.graphs.research"],
}
ROUNDS = 15


def main() -> None:
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - began)
    bare = statistics.median(seconds["python -c pass"])
    print(f"{'':<36}{'median':>8}{'ratio':>8}")
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:<36}{median * 1000:>5.0f} ms{median / bare:>7.1f}x")


if __name__ == "__main__":
    main()

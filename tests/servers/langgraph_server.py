"""The real LangGraph server: `langgraph dev`, offline, in a folder of its own, to be driven by its SDK."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2
import pytest

ROOT = Path(__file__).parent.parent.parent
QUIET = {
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LANGGRAPH_NO_VERSION_CHECK": "true",
    "LANGSMITH_TRACING": "false",
    "THREADLOOM_DISABLED": "europepmc,crossref,arxiv,openalex",
}


class LangGraphServer:
    """This repository's langgraph.json, served from another folder.

    Args:
        folder: where the server keeps the rows of its threads, and SQLite files.
        graphs: served besides those of langgraph.json, by the names of their files.
        jobs: runs at once.
        env: more environment variables.
    """

    def __init__(self, folder: Path, graphs: Mapping[str, Path] | None = None, *, jobs: int = 1, **env: str) -> None:
        self.folder, self.url, self._jobs = folder, "", jobs
        self._log = folder / "server.log"
        self._env = os.environ | QUIET | {"THREADLOOM_HOME": str(folder)} | env
        config = json.loads((ROOT / "langgraph.json").read_text())
        config["dependencies"] = [str(ROOT)]
        config["graphs"] = {name: str(ROOT / path) for name, path in config["graphs"].items()}
        config["graphs"] |= {name: f"{path}:graph" for name, path in (graphs or {}).items()}
        (folder / "langgraph.json").write_text(json.dumps(config))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Return when it answers; it takes another port when this one is busy, so the printed URL counts."""
        program = str(Path(sys.executable).parent / "langgraph")
        command = [program, "dev", "--no-browser", "--no-reload", "--port", str(_free_port())]
        command += ["--n-jobs-per-worker", str(self._jobs)]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, cwd=self.folder, env=self._env, stdout=log, stderr=log)
        self.url = ""
        for _ in range(600):
            if self._answers():
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        self._process.kill()
        pytest.fail(f"langgraph dev did not start:\n{self.log()}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it; it has half a minute to do so by itself."""
        self._process.send_signal(how)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            pytest.fail(f"langgraph dev did not end:\n{self.log()}")

    def log(self) -> str:
        """What it has printed since it was started."""
        return self._log.read_text()

    def _answers(self) -> bool:
        if found := re.search(r"http://(?:127\.0\.0\.1|localhost):\d+", self.log()):
            self.url = found.group()
        try:
            return bool(self.url) and httpx2.get(f"{self.url}/ok").is_success
        except httpx2.TransportError:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

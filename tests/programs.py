"""Programs that tests run, each a process of its own, forked from one that has imported what they need.

A fresh interpreter takes two to four seconds of processor time for that, and most programs take less for what they do.
"""

import importlib
import json
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType, TracebackType
from typing import Self

from threadloom.catalogue import GRAPHS

ROOT = Path(__file__).parent.parent
IMPORTED = (
    "alembic",
    "asyncmy",
    "asyncpg",
    "langchain_openai",
    "psycopg",
    "pymysql",
    "sqlalchemy.ext.asyncio",
    "threadloom.checkpoints",
    "threadloom.runs.runner",
    "langchain_core.tracers.langchain",
    *(entry.module for entry in GRAPHS.values()),
)

Program = Callable[..., subprocess.CompletedProcess[str]]


class Programs:
    """A process that forks itself for every program. One after another; to be closed by the thread that opened it."""

    def __enter__(self) -> Self:
        self._folder = TemporaryDirectory()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.programs"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _, said = self._process.communicate()
        self._folder.cleanup()
        assert (said, self._process.returncode) == ("", 0)

    def run(
        self, *command: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end.

        Args:
            command: what would come after `python`: `-m MODULE`, `-c CODE` or a file, and arguments.
            cwd: its working folder.
            env: its environment; None for that of the test.
        """
        assert self._process.stdin
        assert self._process.stdout
        out, err = (Path(self._folder.name) / name for name in ("out", "err"))
        request = [command, str(cwd), dict(os.environ if env is None else env), str(out), str(err)]
        self._process.stdin.write(f"{json.dumps(request)}\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return subprocess.CompletedProcess(command, code, out.read_text(), err.read_text())


def main() -> None:
    """Fork for every line, and print how the program ended; the fork returns, and so ends as a program does."""
    for name in IMPORTED:
        importlib.import_module(name)
    assert threading.active_count() == 1  # a fork takes no other thread along
    for line in sys.stdin:
        if (pid := os.fork()) == 0:
            _become(*json.loads(line))
            return
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)  # noqa: T201  # the answer


def _become(command: list[str], cwd: str, env: dict[str, str], out: str, err: str) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    for descriptor, path in enumerate((os.devnull, out, err)):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.dup2(opened, descriptor)
        os.close(opened)
    kind, *sys.argv = command
    if kind == "-m":
        sys.path[0] = cwd
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        code, sys.argv[0], sys.path[0] = sys.argv[0], "-c", ""
        sys.modules["__main__"] = module = ModuleType("__main__")
        exec(compile(code, "<string>", "exec"), module.__dict__)
    else:
        sys.argv, sys.path[0] = command, str(Path(kind).parent)
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    main()

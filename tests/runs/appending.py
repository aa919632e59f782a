"""The tools of a workspace, and a process that one of them kills: python -m tests.runs.appending URL FOLDER TOOL."""

import os
import signal
import sys
from typing import Any

from tests.runs.leases import LONG
from tests.runs.mailing import GIVEN, calling
from threadloom.runs.runner import Runner
from threadloom.tools.workspace.tools import workspace_tools
from threadloom.tools.workspace.workspace import Workspace


class Deadly(Workspace):
    """Kills its process when a file has been changed, before anybody can know."""

    def _put(self, *args: Any, **named: Any) -> None:
        super()._put(*args, **named)
        os.kill(os.getpid(), signal.SIGKILL)


def appending(work: Workspace) -> Any:
    """The tools of a workspace."""
    return calling(workspace_tools(work))


def given(tool: str) -> Any:
    """A call that writes a line into a file."""
    call = {"name": tool, "args": {"path": "log.md", "content": "tea\n"}, "id": "call-1", "type": "tool_call"}
    return {**GIVEN, "call": call}


def main(url: str, folder: str, tool: str) -> None:
    """Write, and die."""
    with Runner(url, {"appending": appending(Deadly(folder))}, lease=LONG) as runner:
        runner.start("appending", given(tool)).wait()


if __name__ == "__main__":
    main(*sys.argv[1:])

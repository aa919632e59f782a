"""Processes that all begin at the same moment."""

import os
import traceback
from collections.abc import Callable


def at_once(processes: int, work: Callable[[int], None]) -> list[int]:
    """Fork this many, let each do its work by number once all are there, and return how they ended."""
    waiting, gate = os.pipe()
    for number in range(processes):
        if os.fork() == 0:
            os.close(gate)
            os.read(waiting, 1)  # returns when the parent closes the gate, for all children at the same moment
            _do(work, number)
    os.close(gate)
    os.close(waiting)
    return [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(processes)]


def _do(work: Callable[[int], None], number: int) -> None:
    try:
        work(number)
        os._exit(0)
    except BaseException:  # noqa: BLE001  # a fork of the caller must not go on as the caller would
        traceback.print_exc()
    finally:
        os._exit(1)

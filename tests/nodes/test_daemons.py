"""Threads that are used again, and left where their work hangs."""

import os
from queue import SimpleQueue
from threading import Event, get_ident
from time import monotonic, sleep

import pytest

from threadloom.nodes import daemons
from threadloom.nodes.daemons import Daemons
from threadloom.nodes.within import begun


def _ident(threads: Daemons) -> int:
    found: SimpleQueue[int] = SimpleQueue()
    threads.do(lambda: found.put(get_ident()))
    return found.get(timeout=60)


def _idle(threads: Daemons, many: int) -> None:
    until = monotonic() + 60
    while len(threads._idle) != many:
        assert monotonic() < until
        sleep(0.001)


def test_a_thread_is_used_again_but_not_while_its_work_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    threads, go = Daemons(), Event()
    first = _ident(threads)
    _idle(threads, 1)
    assert _ident(threads) == first
    _idle(threads, 1)
    threads.do(lambda: go.wait(60))
    assert _ident(threads) != first
    go.set()
    _idle(threads, 2)
    monkeypatch.setattr(daemons, "KEPT", 0.01)
    assert _ident(threads)  # both are waiting with the old patience, and this one then with the new
    _idle(threads, 1)


def test_a_forked_process_has_threads_of_its_own() -> None:
    assert begun(lambda: "parent").result(60) == "parent"
    child = os.fork()
    if not child:
        os._exit(0 if begun(lambda: "child").result(30) == "child" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

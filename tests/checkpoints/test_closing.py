"""A saver that is closed while somebody is at work: that comes to its end, and nobody keeps a connection."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, make_url, text

from tests import services
from threadloom.checkpoints import SQLSaver, errors
from threadloom.checkpoints.session import Session

SERVER = {"postgresql": "postgresql", "mysql": "mariadb"}
DRIVERS = ["memory", "file", "postgresql+psycopg", "postgresql+asyncpg", "mysql+pymysql", "mysql+asyncmy"]


@pytest.fixture(params=DRIVERS)
def driven_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new database, with every driver."""
    if request.param in ("memory", "file"):
        yield "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path / 'closing.db'}"
        return
    with services.database(SERVER[request.param.partition("+")[0]]) as new:
        yield make_url(new).set(drivername=request.param).render_as_string(hide_password=False)


def _opened(pool: Any) -> list[Any]:
    """The connections of a pool that are open, from now on."""
    opened: list[Any] = []
    event.listen(pool, "connect", lambda connection, _: opened.append(connection))
    event.listen(pool, "close", lambda connection, _: opened.remove(connection))
    return opened


def test_who_is_at_work_when_a_saver_is_closed_comes_to_an_end(driven_url: str) -> None:
    begun, go_on, results = threading.Event(), threading.Event(), list[Any]()

    def work(session: Session) -> Any:
        begun.set()
        go_on.wait(30)
        return session.execute(text("SELECT 1")).scalar_one()

    saver = SQLSaver(driven_url)
    connections: Any = saver.database._connections
    opened = _opened(connections._engine.pool)
    saver.setup()
    worker = threading.Thread(target=lambda: results.append(saver.database.write(work)), daemon=True)
    worker.start()
    assert begun.wait(30)
    closing = threading.Thread(target=saver.close, daemon=True)
    closing.start()
    while not saver.database._closed:
        time.sleep(0.01)
    closing.join(0.2)  # until it waits, or is done
    go_on.set()
    for thread in (worker, closing):
        thread.join(30)
    assert (results, worker.is_alive(), closing.is_alive(), opened) == ([1], False, False, [])
    with pytest.raises(errors.ClosedError):
        saver.database.write(work)
    with pytest.raises(errors.ClosedError):  # between the look whether it is closed and the work
        connections.run(lambda _: None)
    assert opened == []

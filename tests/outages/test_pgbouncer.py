"""The preset `?pgbouncer=true` against a real pgbouncer that gives every transaction another connection."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import make_url

from tests import services
from tests.checkpoints.chain import config
from tests.checkpoints.counting import graph
from tests.checkpoints.test_concurrency import END
from tests.outages.disturbed import undisturbed, voyage
from tests.outages.private import as_user, free_port, public_folder
from threadloom.checkpoints import SQLSaver

pytestmark = pytest.mark.thorough

SETTINGS = """
[databases]
{server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
ignore_startup_parameters = extra_float_digits
"""


@pytest.fixture
def through() -> Iterator[str]:
    """The URL of a new database behind a pgbouncer with three connections, without a driver or the preset."""
    # Not required in CI: a machine without a network may not have it.
    command = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin") or pytest.skip("no pgbouncer here")
    with services.database("postgresql") as url, public_folder() as folder:
        direct: Any = make_url(url)
        own, settings = free_port(), folder / "pgbouncer.ini"
        given = {"host": direct.host, "port": direct.port, "user": direct.username, "password": direct.password}
        server = " ".join(f"{name}={value}" for name, value in given.items() if value)
        settings.write_text(SETTINGS.format(server=f"{direct.database} = {server}", own=own))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([command, settings], stdout=log, stderr=log, **as_user("postgres"))
        try:
            _wait_for(process, own)
            yield direct.set(host="127.0.0.1", port=own).render_as_string(hide_password=False)
        finally:
            process.kill()
            process.wait()


def _wait_for(process: subprocess.Popen[Any], port: int) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"pgbouncer ended with {process.returncode}")


@pytest.fixture(params=["postgresql+psycopg", "postgresql+asyncpg"])
def preset(request: pytest.FixtureRequest, through: str) -> str:
    """The same with a driver and the preset."""
    return make_url(through).set(drivername=request.param).render_as_string(hide_password=False) + "?pgbouncer=true"


def test_threads_and_event_loops_share_few_connections(preset: str) -> None:
    with SQLSaver(preset) as saver, ThreadPoolExecutor(8) as pool:
        compiled = graph(saver)

        async def gathered() -> list[Any]:
            return await asyncio.gather(*(compiled.ainvoke({"count": 0}, config(f"a{n}")) for n in range(8)))

        plain = pool.map(lambda n: compiled.invoke({"count": 0}, config(f"{n}")), range(16))
        assert asyncio.run(gathered()) == [END] * 8
        assert list(plain) == [END] * 16
        assert list(saver.verify()) == []


@pytest.mark.parametrize("side", ["sync", "async"])
def test_a_run_pauses_and_goes_on(preset: str, side: str) -> None:
    with voyage(preset, side) as run:
        assert run.ends() == undisturbed()

"""Database servers of a test's own, in a temporary folder and on a free port, to be stopped, limited and filled.

They need PostgreSQL's and MariaDB's programs on this machine and leave the servers that run there alone. Without the
programs a test is skipped, or fails with THREADLOOM_REQUIRE_SERVICES=1.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tests.services import miss


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def program(name: str, *folders: Path) -> str:
    """The path of a program."""
    found = shutil.which(name, path=os.pathsep.join([*map(str, folders), os.environ.get("PATH", ""), "/usr/sbin"]))
    return found or miss(f"{name} is not installed")


def as_user(user: str) -> dict[str, Any]:
    """What to pass to `subprocess` for a program that must not run as root."""
    return {"user": user, "group": user, "extra_groups": []} if os.geteuid() == 0 else {}


def hand_over(folder: Path, user: str) -> Path:
    """A new folder that belongs to a user who can come to it."""
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        owner = pwd.getpwnam(user)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    return folder


class PrivateServer(ABC):
    """A server that can be stopped and started again; its data is in a folder of its own.

    Args:
        folder: where; the user of the server must be able to come to it.
        options: of its command.
    """

    user: str
    driver: str

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.port = folder, free_port()
        self._options = options
        self._process: subprocess.Popen[Any] | None = None
        hand_over(folder, self.user)
        self._create()

    @abstractmethod
    def _create(self) -> None: ...

    @abstractmethod
    def _command(self) -> list[str]: ...

    @property
    @abstractmethod
    def server_url(self) -> str:
        """The URL of a database that is always there, for the administrator."""

    @abstractmethod
    def database(self, name: str) -> str:
        """The URL of a new database."""

    def administrator(self) -> Engine:
        """An engine that keeps no connections, every statement for its own."""
        return create_engine(self.server_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def execute(self, *statements: str) -> list[Any]:
        """Do something as the administrator; the rows of the last statement."""
        with self.administrator().connect() as connection:
            results = [connection.exec_driver_sql(statement) for statement in statements]
            return [tuple(row) for row in results[-1]] if results[-1].returns_rows else []

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            command, user = [*self._command(), *self._options], as_user(self.user)
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **user)
        self._process = process
        while process.poll() is None:
            try:
                self.execute("SELECT 1")
            except DBAPIError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError((self.folder / "server.log").read_text())

    def kill(self) -> None:
        """End it at once, as a machine that loses its power."""
        if self._process:
            self._process.send_signal(self._immediately)
            self._process.wait()

    _immediately = signal.SIGKILL

    def restart(self, *options: str) -> None:
        """End it at once, and start it again, with more options."""
        self.kill()
        self._options += options
        self.start()


class PrivatePostgreSQL(PrivateServer):
    """A PostgreSQL."""

    user, driver = "postgres", "postgresql+psycopg"
    # Immediate shutdown: as after a crash, and the processes of its connections are gone when it is.
    _immediately = signal.SIGQUIT

    @property
    def server_url(self) -> str:
        return f"{self.driver}://postgres@127.0.0.1:{self.port}/postgres"

    def _bin(self, name: str) -> str:
        versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        return program(name, *reversed(versions))

    def _create(self) -> None:
        options = ["-U", "postgres", "-A", "trust", "-N", "--no-locale", "-E", "UTF8"]
        command = [self._bin("initdb"), "-D", str(self.folder / "data"), *options]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **as_user(self.user))

    def _command(self) -> list[str]:
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        place = ["-D", str(self.folder / "data"), "-k", str(self.folder), "-p", str(self.port)]
        return [self._bin("postgres"), *place, *settings]

    def database(self, name: str, options: str = "") -> str:
        """The URL of a new database; options of CREATE DATABASE."""
        self.execute(f"CREATE DATABASE {name} {options}")
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"


class PrivateMariaDB(PrivateServer):
    """A MariaDB."""

    user, driver = "mysql", "mysql+pymysql"

    @property
    def server_url(self) -> str:
        return f"{self.driver}://root@127.0.0.1:{self.port}/mysql"

    def _create(self) -> None:
        options = ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", *self._small()]
        command = [program("mariadb-install-db"), *options, f"--datadir={self.folder / 'data'}"]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **as_user(self.user))

    def _small(self) -> list[str]:
        # What is committed survives the server, if not the machine. A server that starts deletes the temporary tables
        # it finds in its `tmpdir`: in the machine's it would take those of the server that runs there.
        return [
            f"--tmpdir={self.folder}",
            "--innodb-log-file-size=8M",
            "--innodb-buffer-pool-size=16M",
            "--innodb-flush-log-at-trx-commit=2",
        ]

    def _command(self) -> list[str]:
        place = [f"--datadir={self.folder / 'data'}", f"--socket={self.folder / 's'}", f"--port={self.port}"]
        listen = ["--bind-address=127.0.0.1", "--skip-log-bin"]
        return [program("mariadbd"), "--no-defaults", *place, *listen, *self._small()]

    def database(self, name: str) -> str:
        """The URL of a new database."""
        self.execute(f"CREATE DATABASE {name}")
        return f"mysql://root@127.0.0.1:{self.port}/{name}"


PRIVATE: dict[str, type[PrivatePostgreSQL | PrivateMariaDB]] = {
    "postgresql": PrivatePostgreSQL,
    "mariadb": PrivateMariaDB,
}


@contextmanager
def public_folder() -> Iterator[Path]:
    """A temporary folder to which any user can come; pytest's own is closed to those of servers."""
    with tempfile.TemporaryDirectory(prefix="threadloom-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def running(server: PrivateServer) -> Iterator[None]:
    """The server, for as long as this lasts."""
    server.start()
    try:
        yield
    finally:
        server.kill()


@contextmanager
def small_disk(folder: Path, megabytes: int, user: str | None = None) -> Iterator[Path]:
    """A file system of its own, of this size, in memory."""
    hand_over(folder, user) if user else folder.mkdir(parents=True)
    owner = pwd.getpwnam(user) if user else pwd.getpwuid(os.getuid())
    size = f"size={megabytes}m,uid={owner.pw_uid},gid={owner.pw_gid},mode=700"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode:
        miss(f"no small disk can be had: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)

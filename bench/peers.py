"""Who is compared: savers, each on an empty database of its own, behind one face for both of their sides."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, cast

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver

from bench.databases import MARIADB, NOWHERE, POSTGRESQL, SQLITE, Databases
from threadloom.checkpoints import Encryption, SQLSaver

Saver = BaseCheckpointSaver[Any]
CONNECTIONS = 8


@dataclass(frozen=True)
class Peer:
    """A saver on a kind of database, driven through one of its sides.

    Args:
        name: as the tables show it.
        opened: the saver for an address, closed at the end of the block.
        databases: where it keeps its data.
        asynchronous: `ainvoke` instead of `invoke`.
        delta: the same graphs with LangGraph's DeltaChannel for what grows.
    """

    name: str
    opened: Callable[[str], AbstractAsyncContextManager[Saver]]
    databases: Databases
    asynchronous: bool = False
    delta: bool = False


class OpenPeer:
    """A peer at work; every method name is that of the synchronous side."""

    def __init__(self, peer: Peer, address: str, saver: Saver, loop: asyncio.AbstractEventLoop) -> None:
        self.peer, self.name, self.address, self.saver = peer, peer.name, address, saver
        self._loop = loop

    def call(self, target: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        """A method of a graph or a saver, through the peer's side."""
        if not self.peer.asynchronous:
            return getattr(target, method)(*args, **kwargs)
        return self.run(getattr(target, f"a{method}")(*args, **kwargs))

    def history(self, graph: Any, config: Any, limit: int) -> list[Any]:
        """The newest snapshots of a thread, all read."""
        if not self.peer.asynchronous:
            return list(graph.get_state_history(config, limit=limit))
        return list(self.run(_collected(graph.aget_state_history(config, limit=limit))))

    def run(self, awaitable: Any) -> Any:
        """The result of a coroutine, on the loop that the saver belongs to."""
        return self._loop.run_until_complete(awaitable)

    def size(self) -> int:
        """Bytes on disk."""
        return self.peer.databases.size(self.address)


async def _collected(stream: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in stream]


@contextmanager
def opened(peer: Peer, address: str) -> Iterator[OpenPeer]:
    """A peer on a database that exists."""
    loop = asyncio.new_event_loop()
    stack = AsyncExitStack()
    try:
        saver = loop.run_until_complete(stack.enter_async_context(peer.opened(address)))
        yield OpenPeer(peer, address, saver, loop)
    finally:
        loop.run_until_complete(stack.aclose())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@contextmanager
def fresh(peer: Peer) -> Iterator[OpenPeer]:
    """A peer on a new, empty database, which is removed at the end."""
    address = peer.databases.create()
    try:
        with opened(peer, address) as open_peer:
            yield open_peer
    finally:
        peer.databases.drop(address)


@asynccontextmanager
async def _memory(address: str) -> AsyncIterator[Saver]:  # noqa: ARG001  # there is none
    yield InMemorySaver()


@asynccontextmanager
async def threadloom(address: str, encryption: Encryption | None = None) -> AsyncIterator[Saver]:
    """Ours."""
    url = address if "://" in address else f"sqlite:///{address}"
    async with SQLSaver(url, encryption=encryption) as saver:
        await saver.asetup()
        yield saver


@asynccontextmanager
async def _official_sqlite(address: str) -> AsyncIterator[Saver]:
    from langgraph.checkpoint.sqlite import SqliteSaver

    with SqliteSaver.from_conn_string(address) as saver:
        # The default of most builds of SQLite; said here so that no build compares a weaker promise with ours.
        saver.conn.execute("PRAGMA synchronous=FULL")
        saver.setup()
        yield saver


@asynccontextmanager
async def _official_sqlite_async(address: str) -> AsyncIterator[Saver]:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    async with AsyncSqliteSaver.from_conn_string(address) as saver:
        await saver.conn.execute("PRAGMA synchronous=FULL")
        await saver.setup()
        yield saver


def _as_documented() -> dict[str, Any]:
    # The connection settings that the official saver asks for.
    from psycopg.rows import dict_row

    return {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}


@asynccontextmanager
async def _official_postgres(address: str) -> AsyncIterator[Saver]:
    from langgraph.checkpoint.postgres import PostgresSaver
    from psycopg_pool import ConnectionPool

    with ConnectionPool(address, min_size=1, max_size=CONNECTIONS, kwargs=_as_documented()) as pool:
        saver = PostgresSaver(cast(Any, pool))
        saver.setup()
        yield saver


@asynccontextmanager
async def _official_postgres_async(address: str) -> AsyncIterator[Saver]:
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from psycopg_pool import AsyncConnectionPool

    async with AsyncConnectionPool(address, min_size=1, max_size=CONNECTIONS, kwargs=_as_documented()) as pool:
        saver = AsyncPostgresSaver(cast(Any, pool))
        await saver.setup()
        yield saver


PEERS: Sequence[Peer] = (
    Peer("InMemorySaver", _memory, NOWHERE),
    Peer("official sqlite", _official_sqlite, SQLITE),
    Peer("official sqlite async", _official_sqlite_async, SQLITE, asynchronous=True),
    Peer("official sqlite delta", _official_sqlite, SQLITE, delta=True),
    Peer("official postgres", _official_postgres, POSTGRESQL),
    Peer("official postgres async", _official_postgres_async, POSTGRESQL, asynchronous=True),
    Peer("official postgres delta", _official_postgres, POSTGRESQL, delta=True),
    Peer("threadloom sqlite", threadloom, SQLITE),
    Peer("threadloom sqlite async", threadloom, SQLITE, asynchronous=True),
    Peer("threadloom postgres", threadloom, POSTGRESQL),
    Peer("threadloom postgres async", threadloom, POSTGRESQL, asynchronous=True),
    Peer("threadloom mariadb", threadloom, MARIADB),
    Peer("threadloom mariadb async", threadloom, MARIADB, asynchronous=True),
)


def usable(peers: Sequence[Peer]) -> tuple[list[Peer], dict[str, str]]:
    """The peers that can be opened here, and by name the kind of error for the others; all of it goes to stderr."""
    works, left_out = [], {}
    for peer in peers:
        try:
            with fresh(peer):
                works.append(peer)
        except Exception as exc:  # noqa: BLE001  # whatever keeps a peer from taking part is said, never hidden
            print(f"left out: {peer.name}: {exc}", file=sys.stderr)
            # Only the kind: results are published, and a message may name a server or a folder.
            left_out[peer.name] = type(exc).__name__
    return works, left_out

"""`SQLSaver`: LangGraph's checkpointer interface over an SQL database."""

import asyncio
import builtins
import copy
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Literal, Self

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from sqlalchemy import URL, Engine

from threadloom.checkpoints import clock, deltas, importing, loading, records, storage
from threadloom.checkpoints.cache import Cache, Ledger
from threadloom.checkpoints.codec import TypeName
from threadloom.checkpoints.encryption import Encryption
from threadloom.checkpoints.engine import Database, Plan, Step
from threadloom.checkpoints.errors import InvalidRequestError
from threadloom.checkpoints.guard import Guard, starts_run
from threadloom.checkpoints.importing import Imported
from threadloom.checkpoints.keeper import Keeper
from threadloom.checkpoints.listing import Listing
from threadloom.checkpoints.serde import serializer_of
from threadloom.checkpoints.sources.source import Source
from threadloom.checkpoints.tables import Tables
from threadloom.checkpoints.underway import Underway
from threadloom.checkpoints.versions import next_version


class SQLSaver(Keeper):
    """Keeps every step of every run in an SQL database, for `invoke` and `ainvoke` alike.

    One object serves any number of threads and event loops. It creates its tables on first use. Use it bare, or as
    `with` or `async with` to have it closed.

    Args:
        url_or_engine: `sqlite:///runs.db`, `sqlite://` (in memory, for as long as the saver lives), or an SQLAlchemy
            engine, which is used as it is configured and left open on `close`.
        allow: classes of yours that may be in the state (dataclasses, pydantic models, enums, …). Everything that
            LangGraph counts as safe, messages included, is allowed anyway.
        serde: a serializer of yours, as LangGraph's savers take it, for objects of classes that are not allowed.
        aliases: classes by the "module:name" under which they were stored, if they have been renamed or moved since.
        encryption: keys with which everything is encrypted that is stored but ids, names, times and sizes.
        on_conflict: what becomes of a run on a thread that another run has taken further meanwhile: "refuse" raises
            StaleThreadError when it stores its next step, "allow" lets the later one win, as LangGraph's savers do.
        cache_bytes: how much of what was read and stored is remembered, roughly, so that a thread that goes on here
            is not read again; an eighth more is spent on remembering what is stored.
        schema: the schema of the database that the tables are in; the connection's own unless told otherwise.
        auto_setup: whether tables that do not exist are created on first use; `setup` does it in any case.
        table_prefix: what the names of the tables begin with, so that several stores fit into one schema.

    Raises:
        DatabaseURLError, UnsupportedDatabaseError, InvalidRequestError: here. Every method raises a `CheckpointError`
            of some kind when the database or a value is at fault.
    """

    def __init__(
        self,
        url_or_engine: str | URL | Engine,
        *,
        serde: Any = None,
        allow: Iterable[type | TypeName] = (),
        aliases: Mapping[str, type] | None = None,
        encryption: Encryption | None = None,
        on_conflict: Literal["refuse", "allow"] = "refuse",
        cache_bytes: int = 64 * 1024 * 1024,
        auto_setup: bool = True,
        schema: str | None = None,
        table_prefix: str = "",
    ) -> None:
        super().__init__(serde=serializer_of(serde, allow, aliases))
        self._cache, self._ledger = Cache(cache_bytes), Ledger(cache_bytes // 8)
        self._tables = Tables(schema=schema, prefix=table_prefix)
        self._database = Database(
            url_or_engine, self._tables, creates=auto_setup, encryption=encryption, lost=self._ledger.forget
        )
        if on_conflict not in ("refuse", "allow"):
            raise InvalidRequestError(f"unknown on_conflict {on_conflict!r}; choose one of refuse, allow")
        self._guard = Guard(enabled=on_conflict == "refuse")
        self._fence: int | None = None
        self._underway = Underway()

    def setup(self) -> int:
        """Create the tables, or convert those of an older release.

        New ones are created on first use as well. To convert old ones, stop what uses them first, and have a backup.
        Returns the version that they had, 0 for none.
        """
        return self._database.setup()

    def close(self) -> None:
        """Close the database; an engine that was passed in stays open."""
        self._database.close()

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that the config addresses, or the latest of its thread; None when there is none."""
        return self._database.follow(self._get_tuple(config))

    def _get_tuple(self, config: RunnableConfig) -> Plan[CheckpointTuple | None]:
        place, checkpoint_id = records.place_of(config), records.checkpoint_id_of(config)
        which = (place, checkpoint_id, self._cache, self._ledger)
        stored, whole = yield Step("ask", lambda session: loading.glance(session, *which))
        if not whole:
            stored = yield Step("read", lambda session: loading.load_checkpoint(session, *which))
        self._guard.loaded(config)
        if stored and not checkpoint_id:
            clock.pass_over(stored.row.checkpoint_id)
        return records.tuple_of(self._codec, stored) if stored else None

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002  # the name is LangGraph's
        before: RunnableConfig | Checkpoint | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Checkpoints newest first, read in small batches as the caller goes on.

        Messages that several of them have in common may be one object: copy a message before changing it. Lists,
        dicts and everything else are each checkpoint's own.

        Args:
            config: the thread, and optionally namespace or checkpoint; None for all threads.
            filter: metadata keys and the values they must equal (`==`; None also matches a missing key).
            before: only checkpoints older than this one, given as a config or as a checkpoint.
            limit: at most so many.
        """
        listing = Listing(self._database, self._codec, records.filter_of(config, filter, before), limit)
        while batch := listing.next_batch():
            yield from map(listing.decoded, batch)

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint as a child of the one in the config; returns the config that addresses it.

        Raises:
            StaleThreadError: another run took the thread further since this one read it.
            MissingParentError: the checkpoint in the config is gone, and this one has values in common with it.
            LeaseLostError: this is a `fenced` saver, and another has the lease of the thread by now.
            UnsavableValueError: a value could not be restored.
        """
        return self._database.follow(self._put(config, checkpoint, metadata, new_versions))

    def _put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> Plan[RunnableConfig]:
        place, values = records.place_of(config), checkpoint["channel_values"]
        row, replays = records.checkpoint_row(self._codec, config, checkpoint, metadata)
        follows, carries = self._guard.applies(config, row), replays or not values.keys() <= new_versions.keys()
        rows: builtins.list[dict[str, Any]] = []
        epoch, done = None, False
        while not done:
            known = self._ledger.of(place.thread_id)
            rows, parts = records.value_rows(self._codec, place, values, new_versions, known.digests)
            put = storage.Put(place, row, rows, parts, known, follows, carries, self._fence)
            epoch, done = yield from self._stored(storage.put_checkpoint_alone, storage.put_checkpoint, put)
        cells = map(records.cell_of, rows)
        loading.remember_cells(self._cache, place, epoch, cells, records.keys_of(new_versions))
        return records.config_of(place, checkpoint["id"])

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store (channel, value) writes of a task, pending on the checkpoint in the config.

        Raises:
            ThreadDeletedError: somebody deleted the thread since this saver last saw it.
            UnsavableValueError: a value could not be restored.
        """
        self._database.follow(self._put_writes(config, writes, task_id, task_path))

    def put_writes_at(
        self, config: RunnableConfig, writes: Sequence[tuple[int, str, Any]], task_id: str, task_path: str
    ) -> None:
        """Store (index, channel, value) writes of a task as another saver has them, indexes with gaps and all."""
        indexes, plain = [write[0] for write in writes], [write[1:] for write in writes]
        self._database.follow(self._put_writes(config, plain, task_id, task_path, indexes))

    def _put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str,
        indexes: Sequence[int] = (),
    ) -> Plan[None]:
        place, done = records.place_of(config), False
        while not done:
            known = self._ledger.of(place.thread_id)
            rows, parts = records.write_rows(self._codec, config, writes, task_id, task_path, known.digests)
            for row, idx in zip(rows, indexes, strict=False):
                row["idx"] = idx
            put = storage.Writes(place, rows, parts, known, self._fence)
            _, done = yield from self._stored(storage.put_writes_alone, storage.put_writes, put)

    def _stored(self, alone: Any, transaction: Any, put: storage.Put | storage.Writes) -> Plan[storage.Outcome]:
        """Store by a single statement where that is possible and suffices, else in a transaction."""
        outcome = storage.Outcome(None, done=False)
        if self._database.dialect.single_statements and put.fits:
            outcome = yield Step("ask", partial(alone, put=put, ledger=self._ledger))
        if not outcome.done:
            outcome = yield Step("write", partial(transaction, put=put, ledger=self._ledger))
        if outcome.epoch is not None:
            self._ledger.learn(put.place.thread_id, outcome.epoch, put.elements if outcome.done else ())
        return outcome

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """For each channel the writes on the path to the config's checkpoint since the nearest stored value, and it."""
        place, checkpoint_id = records.place_of(config), records.checkpoint_id_of(config)
        found, parts = self._database.read(deltas.load_delta_history, place, checkpoint_id, channels, self._cache)
        result: dict[str, DeltaChannelHistory] = {}
        for channel, (writes, seed) in found.items():
            result[channel] = {"writes": [records.write_of(self._codec, w, parts) for w in writes]}
            if seed is not None:
                result[channel]["seed"] = self._codec.decode(seed, parts)
        return result

    def import_threads(
        self,
        source: Source,
        thread_ids: Iterable[str] | None = None,
        *,
        dry_run: bool = False,
        progress: Callable[[], object] = lambda: None,
    ) -> Iterator[Imported]:
        """Copy threads of one of LangGraph's own savers as the caller goes on; see `importing.import_threads`."""
        # Any: checkers know this class by two names, with the house's folders and without.
        unguarded: Any = self._changed("_guard", Guard(enabled=False))  # history is stored in any order
        return importing.import_threads(source, unguarded, thread_ids, dry_run=dry_run, progress=progress)

    def fenced(self, fence: int) -> Self:
        """This saver as it serves one run: what it stores is refused once another has the lease of the thread."""
        return self._changed("_fence", fence)

    def _changed(self, name: str, value: Any) -> Self:
        """A copy that shares everything but one attribute."""
        changed = copy.copy(self)
        setattr(changed, name, value)
        return changed

    def get_next_version(self, current: str | float | None, channel: None) -> str:  # noqa: ARG002  # LangGraph's signature
        """The version that follows `current`, in the form of the official savers."""
        return next_version(current)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # The asynchronous side carries out the same plans, their transactions in worker threads: sqlite3 has no other way,
    # and one hop for a transaction is cheaper than a hop for every statement. What is not a plan runs there whole.

    async def asetup(self) -> int:
        """`setup` for event loops."""
        return await self._database.offload(self.setup)

    async def aclose(self) -> None:
        """`close` for event loops."""
        await asyncio.to_thread(self.close)  # it waits for the worker threads

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """`get_tuple` for event loops; a run starts when what an earlier one left on its way is stored."""
        if starts_run(config):
            thread_id = records.place_of(config).thread_id
            await self._underway.settled(lambda passage: passage.thread_id == thread_id)
        return await self._database.afollow(self._get_tuple(config))

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002  # the name is LangGraph's
        before: RunnableConfig | Checkpoint | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """`list` for event loops."""
        listing = Listing(self._database, self._codec, records.filter_of(config, filter, before), limit)
        while batch := await self._database.offload(listing.next_batch):
            for stored in batch:
                yield await self._database.offload(listing.decoded, stored)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """`put` for event loops; it is stored also when the caller is cancelled."""
        passage = records.passage_of(config, metadata)
        storing = self._database.afollow(self._put(config, checkpoint, metadata, new_versions))
        return await self._underway.store(passage, storing)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """`put_writes` for event loops."""
        await self._database.afollow(self._put_writes(config, writes, task_id, task_path))

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """`get_delta_channel_history` for event loops."""
        return await self._database.offload(self.get_delta_channel_history, config=config, channels=channels)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

"""Looking after what is stored: threads and their sizes, pruning, copying, deleting, new keys; on both sides."""

import builtins
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from sqlalchemy import or_

from threadloom.checkpoints import copying, exporting, loading, pruning, records, rekeying, sizes, summaries, verify
from threadloom.checkpoints.cache import Cache
from threadloom.checkpoints.codec import StrictSerializer
from threadloom.checkpoints.engine import Database
from threadloom.checkpoints.errors import EncryptionError, UnrestorableValueError
from threadloom.checkpoints.exporting import Exported
from threadloom.checkpoints.importing import Imported
from threadloom.checkpoints.pruning import Pruned
from threadloom.checkpoints.records import Place, ThreadSummary
from threadloom.checkpoints.rekeying import Rekeyed
from threadloom.checkpoints.restoring import Restoring
from threadloom.checkpoints.retention import Policy
from threadloom.checkpoints.sizes import Overview, ThreadSize
from threadloom.checkpoints.tables import Tables
from threadloom.checkpoints.timeline import Moment, Timeline, load_namespaces, load_paths
from threadloom.checkpoints.underway import Underway
from threadloom.checkpoints.values import Codec
from threadloom.checkpoints.verify import Problem


class Keeper(BaseCheckpointSaver[str]):
    """What of `SQLSaver` looks after a store, beside storing runs; the asynchronous methods do it in worker threads."""

    _database: Database
    _tables: Tables
    _cache: Cache
    _underway: Underway

    @property
    def database(self) -> Database:
        """Where it stores, for what belongs to the same store."""
        return self._database

    @property
    def codec(self) -> Codec:
        """What it makes bytes of values with."""
        return self._codec

    @property
    def _codec(self) -> Codec:
        # Made for each use: a clone with another allow-list shares all but the serializer.
        return Codec(cast("StrictSerializer", self.serde), self._cache, self._database.seals.encryption)

    def delete_thread(self, thread_id: str) -> None:
        """Delete everything of a thread; one that does not exist is no error."""
        self._database.write(pruning.delete_thread, str(thread_id))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints of runs in all threads, in short transactions as `prune` does.

        A checkpoint stays if a DeltaChannel of one that stays is rebuilt from it.
        """
        pruning.delete_runs(self._database, [str(run_id) for run_id in run_ids])

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy a thread with its whole history; one that does not exist is no error, and nothing is copied.

        Raises ThreadExistsError if the target has checkpoints.
        """
        self._database.write(copying.copy_thread, str(source_thread_id), str(target_thread_id))

    def prune(  # type: ignore[override]  # LangGraph's returns nothing
        self,
        thread_ids: Iterable[str] | None,
        *,
        strategy: str = "keep_latest",
        keep: int = 1,
        older_than: datetime | None = None,
        dry_run: bool = False,
        progress: Callable[[Pruned], object] = lambda _: None,
    ) -> builtins.list[Pruned]:
        """Drop history. What is interrupted leaves every thread readable, and the next one finishes it.

        Args:
            thread_ids: the threads; one that does not exist is no error. None for all.
            strategy: "keep_latest" deletes, in short transactions, the checkpoints of each namespace but the newest
                and the ancestors from which a DeltaChannel of what stays is rebuilt; "delete" deletes threads whole.
            keep: how many of the newest checkpoints of each namespace stay.
            older_than: delete only what is older: checkpoints, or threads whose latest root checkpoint is. A time
                without a zone is local.
            dry_run: only say what would be deleted.
            progress: called after each thread.

        Returns what was deleted, for each of the threads. The database keeps the room for what comes next; `compact`
        gives it back. Raises InvalidRequestError for options that make no sense.
        """
        done = []
        how: Any = {"strategy": strategy, "keep": keep, "older_than": older_than, "dry_run": dry_run}
        for pruned in pruning.prune(self._database, thread_ids, **how):
            done.append(pruned)
            progress(pruned)
        return done

    def cut_back(self, thread_id: str, until: str, *, keep: str) -> None:
        """Delete, as `prune` does, the checkpoints of a thread that are younger than one.

        Args:
            thread_id: which thread.
            until: the id of the youngest checkpoint to stay, of any namespace.
            keep: the id of another one that stays.
        """
        policy = Policy(keep=0, spares=lambda table: or_(table.c.checkpoint_id <= until, table.c.checkpoint_id == keep))
        pruning.prune_thread(self._database, str(thread_id), policy)

    def compact(self) -> None:
        """Give room that is not used any more back to the disk, as far as the database can beside others at work.

        SQLite's file shrinks; one that was made by an older release is written anew once, which takes as much room
        again meanwhile. PostgreSQL gives back what is at the end of its files, and reuses the rest. MariaDB and MySQL
        rebuild the tables.
        """
        self._database.compact()

    def threads(
        self, *, limit: int = 20, before: ThreadSummary | tuple[str, str] | None = None
    ) -> builtins.list[ThreadSummary]:
        """Threads by their latest root checkpoint, newest first.

        Args:
            limit: at most so many.
            before: the last summary of the page before this one, or its checkpoint id and thread id.
        """
        after = (before.checkpoint_id, before.thread_id) if isinstance(before, ThreadSummary) else before
        rows = self._database.read(summaries.load_threads, max(limit, 0), after)
        return [records.summary_of(self._codec, row) for row in rows]

    def latest(self, thread_ids: Iterable[str]) -> dict[str, Callable[[], CheckpointTuple | None]]:
        """The latest root checkpoints of a page of threads, by thread, read in a few statements for all of them.

        Each is made when it is called for, and None if its thread was deleted meanwhile; one that cannot be read raises
        UnrestorableValueError or EncryptionError then, and keeps nobody from the others.
        """
        ids = [str(thread_id) for thread_id in thread_ids]
        try:
            found = self._database.read(loading.load_latest, ids, self._cache)
        except (UnrestorableValueError, EncryptionError):  # which one it is shows when each is read by itself
            return {one: partial(self.get_tuple, {"configurable": {"thread_id": one}}) for one in ids}
        return {one.row.thread_id: partial(records.tuple_of, self._codec, one) for one in found}

    def names(self, beginning: str, *, limit: int = 20) -> builtins.list[str]:
        """The ids of threads that begin so, in order, at most so many."""
        return self._database.read(summaries.load_names, beginning, max(limit, 0))

    def timeline(
        self, thread_id: str, ns: str = "", *, limit: int | None = None, before: str | None = None
    ) -> Iterator[Moment]:
        """The checkpoints of one namespace, newest first, without their values, read in pages as the caller goes on.

        Args:
            thread_id: the thread.
            ns: its namespace; "" is the root graph.
            limit: at most so many.
            before: only checkpoints older than the one with this id.
        """
        timeline = Timeline(self._database, Place(str(thread_id), ns), before, limit)
        while page := timeline.next_page():
            yield from page

    def namespaces(self, thread_id: str) -> builtins.list[str]:
        """The namespaces of a thread in order, that of the root graph, "", first."""
        return self._database.read(load_namespaces, str(thread_id))

    def task_paths(self, thread_id: str, ns: str, checkpoint_ids: Iterable[str]) -> dict[str, dict[str, str]]:
        """By checkpoint, the tasks that wrote after it, by id: the path says what started each; empty: by hand."""
        return self._database.read(load_paths, Place(str(thread_id), ns), checkpoint_ids)

    def sizes(self, thread_id: str | None = None, *, limit: int = 20) -> builtins.list[ThreadSize]:
        """How many bytes threads take, the largest first.

        Args:
            thread_id: this thread only, with its channels; an empty list when there is nothing of it.
            limit: at most so many threads.
        """
        if thread_id is None:
            return self._database.read(sizes.load_sizes, max(limit, 0))
        size = self._database.read(sizes.load_size, str(thread_id))
        return [size] if size else []

    def verify(self, thread_id: str | None = None) -> Iterator[Problem]:
        """What of a thread, or of all, is missing, damaged, of no use, or not to be restored with today's allow-list.

        Reads everything once, in small pages as the caller goes on, and changes nothing.
        """
        return verify.problems(self._database, self._tables, cast("StrictSerializer", self.serde), thread_id)

    def overview(self) -> Overview:
        """What kind of database this is, its schema, and how many threads and checkpoints it has."""
        return self._database.read(sizes.overview)

    def export_thread(self, thread_id: str, path: Path) -> Exported:
        """Write all of a thread into a new file that any database can import; what was encrypted is plain text in it.

        The file's format is told in `archive`. Only its owner may read it.

        Args:
            thread_id: which thread.
            path: a file that is not there yet; it is there when it is whole.

        Raises:
            InvalidRequestError: there is no such thread, or there is such a file.
            OSError: it cannot be written.
        """
        return exporting.export(self._database, str(thread_id), path)

    def import_thread(self, path: Path, thread_id: str | None = None) -> Imported:
        """Bring in a thread that was exported, whole or not at all.

        Every value is read with this saver's allow-list before the thread is there.

        Args:
            path: the file.
            thread_id: another name than it had.

        Returns what became of it: "imported", or "failed" with the problems.

        Raises:
            NotAnArchiveError: it is another file, or was cut or edited. Nothing was stored.
            ThreadExistsError: there is a thread of that name.
        """
        saver: Any = self  # checkers know this class by two names, with the house's folders and without
        return Restoring(self._database, saver, path, thread_id).run()

    def rekey(self, progress: Callable[[Rekeyed], None] | None = None) -> Rekeyed:
        """Encrypt with the current key all that is plain text or has another key, which nobody needs afterwards.

        Runs beside readers and writers that have the current key, and passes over what has it already. `progress` is
        called after each thread. Raises EncryptionError for what was encrypted with a missing key.
        """
        return rekeying.rekey(self._database, progress)

    async def adelete_thread(self, thread_id: str) -> None:
        """`delete_thread` for event loops."""
        await self._database.offload(self.delete_thread, thread_id)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """`delete_for_runs` for event loops, what is on its way included."""
        await self._underway.settled(lambda passage: passage.run_id in run_ids)
        await self._database.offload(self.delete_for_runs, run_ids)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """`copy_thread` for event loops."""
        await self._database.offload(self.copy_thread, source_thread_id, target_thread_id)

    async def aprune(  # type: ignore[override]  # LangGraph's returns nothing
        self,
        thread_ids: Iterable[str] | None,
        *,
        strategy: str = "keep_latest",
        keep: int = 1,
        older_than: datetime | None = None,
        dry_run: bool = False,
        progress: Callable[[Pruned], object] = lambda _: None,
    ) -> builtins.list[Pruned]:
        """`prune` for event loops; `progress` is called in another thread."""
        how: Any = {"strategy": strategy, "keep": keep, "older_than": older_than, "dry_run": dry_run}
        return await self._database.offload(self.prune, thread_ids, **how, progress=progress)

    async def acompact(self) -> None:
        """`compact` for event loops."""
        await self._database.offload(self.compact)

    async def athreads(
        self, *, limit: int = 20, before: ThreadSummary | tuple[str, str] | None = None
    ) -> builtins.list[ThreadSummary]:
        """`threads` for event loops."""
        return await self._database.offload(self.threads, limit=limit, before=before)

    async def atimeline(
        self, thread_id: str, ns: str = "", *, limit: int | None = None, before: str | None = None
    ) -> AsyncIterator[Moment]:
        """`timeline` for event loops."""
        timeline = Timeline(self._database, Place(str(thread_id), ns), before, limit)
        while page := await self._database.offload(timeline.next_page):
            for moment in page:
                yield moment

    async def anames(self, beginning: str, *, limit: int = 20) -> builtins.list[str]:
        """`names` for event loops."""
        return await self._database.offload(self.names, beginning, limit=limit)

    async def aexport_thread(self, thread_id: str, path: Path) -> Exported:
        """`export_thread` for event loops."""
        return await self._database.offload(self.export_thread, thread_id, path)

    async def aimport_thread(self, path: Path, thread_id: str | None = None) -> Imported:
        """`import_thread` for event loops."""
        return await self._database.offload(self.import_thread, path, thread_id)

    async def arekey(self, progress: Callable[[Rekeyed], None] | None = None) -> Rekeyed:
        """`rekey` for event loops; `progress` is called in another thread."""
        return await self._database.offload(self.rekey, progress)

    async def asizes(self, thread_id: str | None = None, *, limit: int = 20) -> builtins.list[ThreadSize]:
        """`sizes` for event loops."""
        return await self._database.offload(self.sizes, thread_id, limit=limit)

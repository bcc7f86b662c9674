"""The spool as the event loop sees it: a bounded queue whose commits happen on a thread, in groups.

Whatever arrives while one commit waits for its fsync goes into the next, so the disk sets the pace of commits but not
of events.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path
from time import time
from typing import Any, TypeVar

from loguru import logger

from api.errors import SpoolFull
from api.limits import Pace
from api.metrics import ApiMetrics
from api.record import Record
from api.spool.file import SpooledRecord, SpoolFile, is_damage
from api.spool.keys import Keys
from api.spool.orphans import Orphans

T = TypeVar("T")

_RETRY_SECONDS = 0.2


class SpoolUnusable(Exception):
    """There is no spool where the settings want it, so the gateway cannot start."""


class SpoolBroken(Exception):
    """The disk refused; the record is not in the spool."""


Stored = Callable[[SpoolBroken | None], None]
"""Called on the event loop when the record is on disk, or with the error that kept it from there."""


class Spool:
    """All methods belong to the event loop, and none of them blocks."""

    def __init__(self, path: Path, max_bytes: int, metrics: ApiMetrics) -> None:
        self._path, self._max_bytes, self._metrics = path, max_bytes, metrics
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")
        self._arriving: list[tuple[SpooledRecord, Stored]] = []
        self._leaving: list[int] = []
        self._refused: dict[int, str] = {}
        self._changed = asyncio.Event()
        self._stopping = False
        self._damage: sqlite3.Error | None = None
        self._read: set[int] = set()  # of the last read, unless its file was set aside since
        self._keys = Keys()
        self._bytes, self._count, self._oldest = 0, 0, 0.0
        self._set_apart, self._oldest_apart = 0, inf
        self._orphans = Orphans(path)
        self._pace = Pace()
        metrics.spool_limit_bytes.set(max_bytes)
        metrics.spool_records.set_function(lambda: self._count + self._set_apart)
        metrics.spool_refused.set_function(lambda: self._set_apart)
        metrics.spool_bytes.set_function(lambda: self._bytes)
        metrics.spool_oldest.set_function(self._oldest_of_all)

    def __len__(self) -> int:
        """Records to be drained, those included whose commit is under way; not those the broker refuses."""
        return self._count

    @property
    def has_room(self) -> bool:
        return self._bytes < self._max_bytes

    def holds(self, key: bytes) -> bool:
        """Whether records of this key wait here, so that newer ones must queue behind them."""
        return key in self._keys

    async def start(self) -> int:
        """Open the file; returns the highest sequence number it holds. Raises SpoolUnusable."""
        try:
            self._file = await self._on_disk(SpoolFile.first_free, self._path)
        except (OSError, sqlite3.Error) as error:
            raise SpoolUnusable(
                f"The spool {self._path} cannot be opened: {error}."
                " Set SPOOL_PATH to a file in a folder that can be written."
            ) from error
        self._keys = await self._on_disk(lambda: Keys(self._file.keys()))
        self._bytes, self._oldest, last = await self._on_disk(self._file.totals)
        self._count = self._keys.records
        if self._file.path != self._path:
            logger.warning("another process has the spool {}: this one's is {}", self._path, self._file.path)
        if self._count:
            logger.warning("{} holds {} records from before: draining them first", self._file.path, self._count)
        self._committing = asyncio.create_task(self._commit_for_ever(), name="spool-commits")
        return last

    def put(self, seq: int, record: Record, stored: Stored) -> None:
        """Queue a record for the next commit. Raises SpoolFull, with the time until there is room again."""
        if self._bytes + record.size > self._max_bytes:
            wait = self._pace.seconds_until_room()
            raise SpoolFull(f"The {self._max_bytes} bytes of the disk buffer are used up.", retry_after=wait)
        now = time()
        if not self._count:
            self._oldest = now
        self._count += 1
        self._bytes += record.size
        self._keys.add(record.key)
        self._arriving.append((SpooledRecord(seq, record, now), stored))
        self._changed.set()

    async def read(self, before: int, limit: int, most_bytes: int) -> list[SpooledRecord]:
        """The oldest records below ``before`` that are on disk; the one that exceeds ``most_bytes`` is the last.

        Raises sqlite3.Error.
        """
        removed = {*self._leaving, *self._refused}  # only the disk does not know yet
        try:
            records = await self._on_disk(self._file.read, before, limit, most_bytes)
        except sqlite3.Error as error:
            self._suspect(error)
            raise
        removed.update(self._leaving, self._refused)  # a commit that failed meanwhile has put its own back
        records = [spooled for spooled in records if spooled.seq not in removed]
        if records:
            self._oldest = records[0].spooled_at
        self._read = {spooled.seq for spooled in records}
        return records

    async def read_orphan(self, limit: int) -> list[SpooledRecord]:
        """Records that a gateway which is gone left in a spool beside ours."""
        return await self._on_disk(self._orphans.read, limit)

    async def remove_orphaned(self, records: Iterable[SpooledRecord]) -> None:
        """Drop what ``read_orphan`` gave, once it is on disk here. Raises sqlite3.Error."""
        await self._on_disk(self._orphans.remove, records)

    def remove(self, delivered: Iterable[SpooledRecord]) -> None:
        """Drop records of the last ``read``, which the broker has; a crash before the commit sends them once more."""
        ours = [spooled for spooled in delivered if spooled.seq in self._read]
        for spooled in ours:
            self._forget(spooled.record)
            self._leaving.append(spooled.seq)
        self._pace.step(len(ours))
        self._metrics.spool_drained.inc(len(ours))
        self._changed.set()

    def refuse(self, spooled: SpooledRecord, why: str) -> None:
        """Set a record of the last ``read`` apart, which Kafka will not take: it stays, and holds nobody back."""
        if spooled.seq in self._read:
            self._forget(spooled.record)
            self._bytes += spooled.record.size
            self._set_apart += 1
            self._oldest_apart = min(self._oldest_apart, spooled.spooled_at)
            self._refused[spooled.seq] = why
            ids = {"request_id": spooled.request_id, "event_id": spooled.record.event_id}
            logger.bind(**ids).error("an event stays in the spool, for Kafka refuses it: {}", why)
            self._changed.set()

    async def stop(self) -> None:
        """Finish the commits that are due, then close the file."""
        self._stopping = True
        self._changed.set()
        await self._committing
        await self._on_disk(self._close, self._leaving, self._refused)
        self._disk.shutdown()

    async def _commit_for_ever(self) -> None:
        while not self._stopping:
            await self._changed.wait()
            self._changed.clear()
            if not await self._commit():
                await asyncio.sleep(_RETRY_SECONDS)
        await self._commit()

    async def _commit(self) -> bool:
        if self._damage:
            await self._begin_anew(self._damage)
        arriving, self._arriving = self._arriving, []
        leaving, self._leaving = self._leaving, []
        refused, self._refused = self._refused, {}
        broken: SpoolBroken | None = None
        try:
            await self._on_disk(self._file.write, [spooled for spooled, _ in arriving], leaving, refused)
        except sqlite3.Error as error:
            logger.error("the spool {} cannot be written: {}", self._file.path, error)
            broken = SpoolBroken(str(error))
            self._leaving[:0] = leaving  # they are delivered; only the disk does not know yet
            self._refused = refused | self._refused
            self._changed.set()
            for spooled, _ in arriving:
                self._forget(spooled.record)
            self._metrics.spool_errors.inc()
            self._suspect(error)
        for _, stored in arriving:
            stored(broken)
        return broken is None

    def _suspect(self, error: sqlite3.Error) -> None:
        """What says that the file is damaged, and not the disk full, is dealt with before the next commit."""
        if is_damage(error):
            self._damage = error
            self._changed.set()

    async def _begin_anew(self, error: sqlite3.Error) -> None:
        """Set the damaged file aside; what it held must be drained from there by hand."""
        held = self._count + self._set_apart - len(self._arriving)
        logger.critical("{} records are in a damaged spool: python -m api.spool drain brings back what it can", held)
        await self._on_disk(self._file.begin_anew, error)
        waiting = [spooled.record for spooled, _ in self._arriving]
        self._keys, self._count = Keys(record.key for record in waiting), len(waiting)
        self._bytes = sum(record.size for record in waiting)
        self._leaving, self._refused = [], {}
        self._set_apart, self._oldest_apart = 0, inf
        self._read, self._damage = set(), None

    def _oldest_of_all(self) -> float:
        oldest = min(self._oldest if self._count else inf, self._oldest_apart)
        return oldest if oldest < inf else 0

    def _forget(self, record: Record) -> None:
        self._count -= 1
        self._bytes -= record.size
        self._keys.remove(record.key)

    def _close(self, leaving: list[int], refused: Mapping[int, str]) -> None:
        try:
            self._file.write((), leaving, refused)
        except sqlite3.Error as error:
            logger.warning("{} delivered records stay in the spool and will be sent again: {}", len(leaving), error)
        self._file.close()
        self._orphans.close()

    async def _on_disk(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work, *arguments)

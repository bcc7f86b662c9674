"""The spool as the event loop sees it: a bounded queue whose commits happen on a thread, in groups.

Whatever arrives while one commit waits for its fsync goes into the next, so the disk sets the pace of commits but not
of events.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import time

from loguru import logger

from api.errors import SpoolFull
from api.limits import Pace
from api.metrics import ApiMetrics
from api.record import Record
from api.spool.file import SpooledRecord, SpoolFile

_RETRY_SECONDS = 0.2


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
        self._changed = asyncio.Event()
        self._stopping = False
        self._keys: Counter[bytes] = Counter()
        self._bytes, self._count, self._oldest = 0, 0, 0.0
        self._pace = Pace()
        metrics.spool_limit_bytes.set(max_bytes)
        metrics.spool_records.set_function(lambda: self._count)
        metrics.spool_bytes.set_function(lambda: self._bytes)
        metrics.spool_oldest.set_function(lambda: self._oldest if self._count else 0)

    def __len__(self) -> int:
        """Records in the spool, those included whose commit is under way."""
        return self._count

    @property
    def has_room(self) -> bool:
        return self._bytes < self._max_bytes

    def holds(self, key: bytes) -> bool:
        """Whether records of this key wait here, so that newer ones must queue behind them."""
        return key in self._keys

    async def start(self) -> int:
        """Open the file; returns the highest sequence number it holds. Raises what SpoolFile raises."""
        loop = asyncio.get_running_loop()
        self._file = await loop.run_in_executor(self._disk, SpoolFile, self._path)
        self._keys = await loop.run_in_executor(self._disk, self._file.keys)
        self._bytes, self._oldest, last = await loop.run_in_executor(self._disk, self._file.totals)
        self._count = self._keys.total()
        if self._count:
            logger.warning("the spool {} holds {} records from before: draining them first", self._path, self._count)
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
        self._keys[record.key] += 1
        self._arriving.append((SpooledRecord(seq, record, now), stored))
        self._changed.set()

    async def read(self, before: int, limit: int) -> list[SpooledRecord]:
        """The oldest records below ``before`` that are on disk. Raises sqlite3.Error."""
        loop = asyncio.get_running_loop()
        removed = set(self._leaving)  # delivered, and only the disk does not know yet
        records = await loop.run_in_executor(self._disk, self._file.read, before, limit)
        removed.update(self._leaving)  # a commit that failed meanwhile has put its own back
        records = [spooled for spooled in records if spooled.seq not in removed]
        if records:
            self._oldest = records[0].spooled_at
        return records

    def remove(self, delivered: Iterable[SpooledRecord]) -> None:
        """Drop records the broker has acknowledged; a crash before the next commit sends them once more."""
        for spooled in delivered:
            self._forget(spooled.record)
            self._leaving.append(spooled.seq)
            self._pace.step()
            self._metrics.spool_drained.inc()
        self._changed.set()

    async def stop(self) -> None:
        """Finish the commits that are due, then close the file."""
        self._stopping = True
        self._changed.set()
        await self._committing
        await asyncio.get_running_loop().run_in_executor(self._disk, self._close, self._leaving)
        self._disk.shutdown()

    async def _commit_for_ever(self) -> None:
        while not self._stopping:
            await self._changed.wait()
            self._changed.clear()
            if not await self._commit():
                await asyncio.sleep(_RETRY_SECONDS)
        await self._commit()

    async def _commit(self) -> bool:
        arriving, self._arriving = self._arriving, []
        leaving, self._leaving = self._leaving, []
        broken: SpoolBroken | None = None
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._disk, self._file.write, [spooled for spooled, _ in arriving], leaving)
        except sqlite3.Error as error:
            logger.error("the spool {} cannot be written: {}", self._path, error)
            broken = SpoolBroken(str(error))
            self._leaving[:0] = leaving  # they are delivered; only the disk does not know yet
            self._changed.set()
            for spooled, _ in arriving:
                self._forget(spooled.record)
            self._metrics.spool_errors.inc()
        for _, stored in arriving:
            stored(broken)
        return broken is None

    def _forget(self, record: Record) -> None:
        self._count -= 1
        self._bytes -= record.size
        self._keys[record.key] -= 1
        if not self._keys[record.key]:
            del self._keys[record.key]

    def _close(self, leaving: list[int]) -> None:
        try:
            self._file.write((), leaving)
        except sqlite3.Error as error:
            logger.warning("{} delivered records stay in the spool and will be sent again: {}", len(leaving), error)
        self._file.close()

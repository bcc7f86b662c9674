"""The way back: from the spool to Kafka, in the order of arrival, as soon as Kafka takes records again."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import TypeVar

from loguru import logger

from api.brake import Brake
from api.errors import Overloaded, SpoolFull
from api.link import Link
from api.publisher import DeliveryFailed, Outcome, Publisher, Sent
from api.record import Published
from api.spool import Spool, SpoolBroken, SpooledRecord

_IDLE_SECONDS = 0.05
_PROBE_SECONDS = 1.0
_RENEWAL_SECONDS = 30.0
_ADOPTION_SECONDS = 10.0
_CHUNK = 5_000  # records: turns of a busy loop are long, and a chunk takes several
_CHUNK_BYTES = 8_000_000
_ORPHANS = 500
_SMALLER = 8  # times, for whoever looks for the record that Kafka refuses

T = TypeVar("T")


class Drain:
    """Runs until cancelled. ``next_seq`` numbers a new arrival; ``frontier`` is the oldest that waits for its ack."""

    def __init__(
        self,
        publisher: Publisher,
        spool: Spool,
        link: Link,
        brake: Brake,
        next_seq: Callable[[], int],
        frontier: Callable[[], int],
    ) -> None:
        self._publisher, self._spool, self._link, self._brake = publisher, spool, link, brake
        self._next_seq, self._frontier = next_seq, frontier
        self._adopt_at = 0.0
        self._limit = _CHUNK
        self._renewing = asyncio.Lock()

    async def run(self) -> None:
        while True:
            try:
                await asyncio.sleep(await self._step())
            except Exception as error:  # noqa: BLE001 - the way back must not end while the process lives
                logger.opt(exception=error).error("draining the spool failed, and is tried again")
                await asyncio.sleep(_PROBE_SECONDS)

    async def renew_client(self) -> None:
        """Replace a client that has not worked for long: Kafka may be back for all but this one."""
        renewals = 0
        while True:
            await asyncio.sleep(_PROBE_SECONDS)
            if not self._link.down_seconds:
                renewals = 0
            elif self._link.down_seconds > _RENEWAL_SECONDS * (renewals + 1):
                renewals += 1
                logger.warning("no record has reached Kafka for {:.0f} s: a new client", self._link.down_seconds)
                await self._renew()

    async def _step(self) -> float:
        """Do what can be done now; returns the seconds until it is worth another look."""
        if self._link.client_is_suspect:
            await self._renew()
        if not self._publisher.ready:
            return _IDLE_SECONDS
        if len(self._spool):
            return await self._drain(self._limit if self._link.up else 1)
        self._link.works()
        self._brake.release()
        if monotonic() < self._adopt_at:
            return _IDLE_SECONDS
        self._adopt_at = monotonic() + (0 if await self._adopt() else _ADOPTION_SECONDS)
        return 0

    async def _renew(self) -> None:
        async with self._renewing:
            await self._publisher.renew()
            self._link.client_is_suspect = False

    async def _drain(self, limit: int) -> float:
        """Publish the spool's oldest records; with ``limit`` 1 this is the probe."""
        try:
            chunk = await self._spool.read(self._frontier(), limit, _CHUNK_BYTES)
        except sqlite3.Error as error:
            logger.error("the spool cannot be read: {}", error)
            return _PROBE_SECONDS
        if not chunk:  # only records that are still being written, or must wait for an older one
            return _IDLE_SECONDS
        outcomes = await self._publish(chunk)
        delivered = [spooled for spooled, outcome in outcomes if isinstance(outcome, Published)]
        self._spool.remove(delivered)
        self._brake.drained(len(delivered))
        failures = [outcome for _, outcome in outcomes if isinstance(outcome, DeliveryFailed)]
        if failures:
            return self._failed(chunk, failures)
        if len(outcomes) < len(chunk):
            return _PROBE_SECONDS
        self._limit = min(2 * self._limit, _CHUNK)
        self._link.works()
        return 0

    def _failed(self, chunk: list[SpooledRecord], failures: list[DeliveryFailed]) -> float:
        """A record that is refused takes others of its batch along; which one it is shows when it goes alone."""
        worst = max(failures, key=lambda error: (error.permanent, not error.passing))
        if worst.permanent and len(chunk) == 1:
            self._spool.refuse(chunk[0], str(worst))
        elif worst.permanent:
            self._limit = max(len(chunk) // _SMALLER, 1)
        self._link.fails(f"a record of the spool was not acknowledged: {worst}", client_is_suspect=not worst.passing)
        self._brake.release()
        return 0 if worst.permanent else _PROBE_SECONDS

    async def _publish(self, chunk: list[SpooledRecord]) -> list[tuple[SpooledRecord, Outcome]]:
        """In order, up to the first that cannot be handed over; returns what became of those before it."""
        records, taken = [spooled.record for spooled in chunk], 0
        parts: list[asyncio.Future[Mapping[int, Outcome]]] = []
        while taken < len(records):
            part: asyncio.Future[Mapping[int, Outcome]] = asyncio.get_running_loop().create_future()
            try:
                taken += len(self._publisher.send(records[taken:], partial(_resolve_part, part)).records)
            except Overloaded:
                break
            except DeliveryFailed as error:
                part.set_result({0: error})
                taken += 1
            parts.append(part)
        outcomes = [outcome for part in parts for _, outcome in sorted((await part).items())]
        return [*zip(chunk, outcomes, strict=False)]

    async def _adopt(self) -> bool:
        """Take records over from a gateway that is gone; behind them newer ones of their keys queue, as behind ours.

        False when there are none, or no room. A crash in between leaves them in both spools: a repeat is stored once.
        """
        orphaned = await self._spool.read_orphan(_ORPHANS)
        kept: list[tuple[SpooledRecord, asyncio.Future[SpoolBroken | None]]] = []
        with suppress(SpoolFull):
            for spooled in orphaned:
                stored: asyncio.Future[SpoolBroken | None] = asyncio.get_running_loop().create_future()
                self._spool.put(self._next_seq(), spooled.record, partial(_resolve, stored))
                kept.append((spooled, stored))
        safe = [spooled for spooled, stored in kept if await stored is None]
        await self._spool.remove_orphaned(safe)
        return bool(safe)


def _resolve_part(part: "asyncio.Future[Mapping[int, Outcome]]", sent: Sent) -> None:
    _resolve(part, sent.outcomes)


def _resolve(future: "asyncio.Future[T]", result: T) -> None:
    if not future.done():  # cancelled by a stop
        future.set_result(result)

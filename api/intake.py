"""Where an event goes: to Kafka while Kafka answers, to the spool when it does not.

Every event gets a sequence number on arrival. Per key the order of arrival is kept: while a key has records in the
spool, newer ones queue behind them, and the spool is drained only up to the oldest record still waiting for its ack.
"""

import asyncio
from functools import partial
from time import monotonic

import msgspec

from api.drain import Drain
from api.errors import GatewayError, InvalidEvent, Overloaded, SpoolFull, TooLarge, Unconfirmed, Undeliverable
from api.link import Link
from api.metrics import ApiMetrics, ProducerError
from api.publisher import DeliveryFailed, Publisher
from api.record import SPOOLED, Published, Receipt, Record
from api.spool import Spool, SpoolBroken

_TICK_SECONDS = 0.05


class Waiting(msgspec.Struct, gc=False):
    """An event in flight: whose answer it is, and how long that may take."""

    seq: int
    record: Record
    receipt: Receipt
    index: int
    deadline: float
    sent: bool = False


class Intake:
    """Takes events in. All methods belong to the event loop, and none of them blocks."""

    def __init__(self, publisher: Publisher, spool: Spool, deadline_seconds: float, metrics: ApiMetrics) -> None:
        self._publisher, self._spool, self._metrics = publisher, spool, metrics
        self._deadline_seconds = deadline_seconds
        self._waiting: dict[int, Waiting] = {}  # by sequence number, which is also the order of their deadlines
        self._seq = 0
        self._link = Link(metrics)
        self._drain = Drain(publisher, spool, self._link, self._next_seq, self._frontier)

    @property
    def kafka_answers(self) -> bool:
        return self._link.up

    @property
    def kafka(self) -> str:
        """Whether Kafka takes records, in words."""
        return self._link.state

    @property
    def can_take(self) -> bool:
        return self._link.up or self._spool.has_room

    async def start(self) -> None:
        """Raises what opening the spool raises; does not wait for Kafka."""
        self._seq = await self._spool.start()
        await self._publisher.start()
        tasks = (self._watch_deadlines(), self._drain.run(), self._drain.renew_client())
        self._tasks = [asyncio.create_task(task) for task in tasks]

    def accept(self, record: Record, receipt: Receipt, index: int) -> None:
        """Settle ``receipt`` at ``index`` within the deadline and one fsync: published, spooled, or why neither."""
        waiting = Waiting(self._next_seq(), record, receipt, index, monotonic() + self._deadline_seconds)
        if not self._link.up or self._spool.holds(record.key):
            self._to_spool(waiting)
            return
        try:
            self._publisher.send(record, partial(self._settled, waiting))
        except Overloaded as error:
            receipt.settle(index, error)
        except DeliveryFailed as error:
            self._refused(waiting, error)
        else:
            waiting.sent = True
            self._waiting[waiting.seq] = waiting

    async def stop(self, seconds: float) -> None:
        """Wait so long for acks; what is still unacknowledged then is on disk when this returns."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._publisher.stop(seconds)
        for waiting in list(self._waiting.values()):
            self._give_up(waiting)
        await self._spool.stop()

    def _settled(self, waiting: Waiting, result: Published | DeliveryFailed) -> None:
        if self._waiting.pop(waiting.seq, None) is None:  # its deadline has passed: it is in the spool by now
            if isinstance(result, Published):
                self._metrics.late_acks.inc()
        elif isinstance(result, Published):
            waiting.receipt.settle(waiting.index, result)
        else:
            self._failed(waiting, result)

    def _refused(self, waiting: Waiting, error: DeliveryFailed) -> None:
        """By the client itself, which looked at this record alone."""
        if error.permanent:
            refusal = TooLarge if error.kind is ProducerError.TOO_LARGE else InvalidEvent
            waiting.receipt.settle(waiting.index, refusal(f"Kafka refuses the record: {error}"))
        else:
            self._failed(waiting, error)

    def _failed(self, waiting: Waiting, error: DeliveryFailed) -> None:
        self._link.fails(str(error), client_is_suspect=not error.passing)
        self._to_spool(waiting)

    def _to_spool(self, waiting: Waiting) -> None:
        try:
            self._spool.put(waiting.seq, waiting.record, partial(self._spooled, waiting))
        except SpoolFull as error:
            self._refuse(waiting, error)

    def _spooled(self, waiting: Waiting, broken: SpoolBroken | None) -> None:
        if broken is None:
            waiting.receipt.settle(waiting.index, SPOOLED)
        else:
            self._refuse(waiting, Undeliverable(f"The disk buffer cannot be written: {broken}", retry_after=5))

    def _refuse(self, waiting: Waiting, error: GatewayError) -> None:
        if waiting.sent:  # Kafka may hold it all the same, and then "not accepted" would be a lie
            error = Unconfirmed(
                "Kafka has not acknowledged the event, and the disk buffer could not take it. Send it again with"
                f" event_id {waiting.record.event_id}: a repeat is stored once.",
                retry_after=error.retry_after,
            )
        waiting.receipt.settle(waiting.index, error)

    def _give_up(self, waiting: Waiting) -> None:
        del self._waiting[waiting.seq]
        self._to_spool(waiting)

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def _frontier(self) -> int:
        return next(iter(self._waiting), self._seq + 1)

    async def _watch_deadlines(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = monotonic()
            while self._waiting and (oldest := next(iter(self._waiting.values()))).deadline <= now:
                self._link.fails(f"no ack within {self._deadline_seconds} s")
                self._give_up(oldest)

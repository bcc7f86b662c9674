"""Records in flight: how many there may be, and how their acks get from a client's thread to the event loop.

Neither client bounds its buffer the way a gateway must, and both call back on a thread of their own. Acks cross in a
deque that one wake-up empties, however many came meanwhile: a call_soon_threadsafe for each would cost more than the
ack itself.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter, time

from api.errors import Overloaded
from api.limits import Pace
from api.metrics import ApiMetrics, ProducerError
from api.record import Published, Record

_PASSING = (ProducerError.TIMEOUT, ProducerError.CONNECTION, ProducerError.NOT_ENOUGH_REPLICAS, ProducerError.NO_TOPIC)


class DeliveryFailed(Exception):
    """The broker did not take a record, or did not say so in time: then it may hold it all the same.

    ``permanent``: this record, or one that shared its batch, will not be taken, however often it is tried.
    ``passing``: waiting may mend it. What does not pass may have ended the client as well: kafka-python 3.0.12 fails
    all further records with the same error (TransactionManager.classify_batch_error calls every such error fatal).
    """

    def __init__(self, kind: ProducerError, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.permanent = kind in (ProducerError.TOO_LARGE, ProducerError.INVALID)
        self.passing = kind in _PASSING


Settled = Callable[[Published | DeliveryFailed], None]
"""Called on the event loop, once for each record that was sent."""


class Flight:
    """The books of what was sent and is not yet settled. On the event loop, but for ``land``."""

    def __init__(self, max_records: int, max_bytes: int, metrics: ApiMetrics) -> None:
        self._metrics, self._max_records, self._max_bytes = metrics, max_records, max_bytes
        self._records = self._bytes = self._attempts = 0
        self._pace = Pace()
        self._landed: deque[tuple[Settled, Record, float, Published | DeliveryFailed]] = deque()
        self._armed = False
        metrics.attempts.set_function(lambda: self._attempts)
        metrics.inflight_limit_records.set(max_records)
        metrics.inflight_limit_bytes.set(max_bytes)
        metrics.inflight_records.set_function(lambda: self._records)
        metrics.inflight_bytes.set_function(lambda: self._bytes)

    def open(self) -> None:
        """Must be called on the event loop before the first ``land``."""
        self._loop = asyncio.get_running_loop()

    def check(self, record: Record) -> None:
        """Count an attempt. Raises Overloaded when there is no room for the record."""
        if self._records >= self._max_records or self._bytes + record.size > self._max_bytes:
            wait = self._pace.seconds_until_room(max(self._records // 10, 1))
            raise Overloaded("Too many events are waiting for Kafka.", retry_after=wait)
        self._attempts += 1

    @property
    def records(self) -> int:
        """How many are not settled yet."""
        return self._records

    def begin(self, record: Record) -> None:
        self._records += 1
        self._bytes += record.size

    def refused(self, kind: ProducerError, detail: str) -> DeliveryFailed:
        """The failure of a record that never took off; counted here."""
        self._metrics.errors.labels(kind).inc()
        return DeliveryFailed(kind, detail)

    def land(self, settled: Settled, record: Record, sent_at: float, result: Published | DeliveryFailed) -> None:
        """Settle a record from whatever thread; ``sent_at`` is by ``perf_counter``."""
        self._landed.append((settled, record, sent_at, result))
        if not self._armed:
            self._armed = True
            with suppress(RuntimeError):  # the loop has closed: nobody waits any more
                self._loop.call_soon_threadsafe(self.settle)

    def settle(self) -> None:
        """Settle all that has landed."""
        self._armed = False  # first, so that whatever lands from here on wakes the loop again
        now, durations, acked = perf_counter(), list[float](), list[Record]()
        while self._landed:
            settled, record, sent_at, result = self._landed.popleft()
            self._records -= 1
            self._bytes -= record.size
            if isinstance(result, Published):
                durations.append(now - sent_at)
                acked.append(record)
            else:
                self._metrics.errors.labels(result.kind).inc()
            settled(result)
        if durations:
            self._pace.step(len(durations))
            self._metrics.acked.inc(len(durations))
            self._metrics.ack_duration.observe_all(durations, lambda index: acked[index].event_id)
            self._metrics.last_ack.set(time())

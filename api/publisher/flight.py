"""Records in flight: how many there may be, and how their acks get from a client's thread to the event loop.

Neither client bounds its buffer the way a gateway must, and both call back on a thread of their own. One wake-up looks
into all that has landed, however much came meanwhile: a call_soon_threadsafe for each ack would cost more than the ack
itself. Records that were handed over together share what is kept of them.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import accumulate, takewhile
from time import perf_counter, time

import msgspec

from api.errors import Overloaded
from api.limits import Pace
from api.metrics import ApiMetrics, ProducerError
from api.notes import Notes
from api.record import Published, Record, size_of

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


Outcome = Published | DeliveryFailed


class Sent(msgspec.Struct, eq=False, gc=False):
    """Records that are handed over together, ``at`` by ``perf_counter``, and by their places what became of them.

    ``land`` and ``fail`` are for the client, on whatever thread, and show when the flight is woken; each place comes
    once. ``settled`` is called on the event loop when all of them are there.
    """

    records: Sequence[Record]
    size: int
    settled: "Settled"
    at: float
    landed: "deque[Sent]"
    outcomes: dict[int, Outcome] = {}
    last: int = 0  # place of the last outcome: no loop may look for it in a dict that another thread fills
    failed: bool = False  # some did
    counted: int = 0  # of the outcomes
    noted: bool = False  # among the landed

    def land(self, place: int, outcome: Outcome) -> None:
        self.outcomes[place] = outcome
        self.last = place
        if not self.noted:
            self.noted = True
            self.landed.append(self)

    def fail(self, place: int, failure: DeliveryFailed) -> None:
        self.failed = True  # first: whoever sees the outcome must know
        self.land(place, failure)


Settled = Callable[[Sent], None]


class Flight:
    """The books of what was sent and is not yet settled. On the event loop, but for ``wake``.

    The bytes of records that were sent together count until the last of them has landed.
    """

    def __init__(self, max_records: int, max_bytes: int, metrics: ApiMetrics) -> None:
        self._metrics, self._max_records, self._max_bytes = metrics, max_records, max_bytes
        self._records = self._bytes = self._attempts = self._acked = 0
        self._last_ack = 0.0
        self._acks = Notes(self._enter, metrics.before_scrape)
        self._pace = Pace()
        self._landed = deque[Sent]()
        self._armed = False
        metrics.attempts.set_function(lambda: self._attempts)
        metrics.acked.set_function(lambda: self._acked)
        metrics.last_ack.set_function(lambda: self._last_ack)
        metrics.inflight_limit_records.set(max_records)
        metrics.inflight_limit_bytes.set(max_bytes)
        metrics.inflight_records.set_function(lambda: self._records)
        metrics.inflight_bytes.set_function(lambda: self._bytes)

    def open(self) -> None:
        """Must be called on the event loop before the first ``wake``."""
        self._loop = asyncio.get_running_loop()

    @property
    def records(self) -> int:
        """How many are not settled yet."""
        return self._records

    def admit(self, records: Sequence[Record], settled: Settled) -> Sent:
        """As many of the first ones as there is room for. Raises Overloaded when there is room for none."""
        size = size_of(records)
        if self._records + len(records) > self._max_records or self._bytes + size > self._max_bytes:
            records, size = self._first_that_fit(records)
        return Sent(records, size, settled, perf_counter(), self._landed)

    def begin(self, sent: Sent, taken: int) -> None:
        """Enter so many of the first ones, which are in the client's hands now."""
        if taken < len(sent.records):
            sent.records = sent.records[:taken]
            sent.size = size_of(sent.records)
        self._records += taken
        self._attempts += taken
        self._bytes += sent.size

    def refused(self, failure: DeliveryFailed) -> DeliveryFailed:
        """Of a record that never took off; counted here."""
        self._attempts += 1
        self._metrics.errors.labels(failure.kind).inc()
        return failure

    def wake(self) -> None:
        """Have the event loop settle what has landed, from whatever thread."""
        if not self._armed:
            self._armed = True
            with suppress(RuntimeError):  # the loop has closed: nobody waits any more
                self._loop.call_soon_threadsafe(self.settle)

    def settle(self) -> None:
        """Count all that has landed, and settle what is complete by that."""
        self._armed = False  # first, so that whatever lands from here on wakes the loop again
        now, before, complete = perf_counter(), self._acked, list[Sent]()
        while self._landed:
            sent = self._landed.popleft()
            sent.noted = False  # first, likewise
            if (new := len(sent.outcomes) - sent.counted) and self._count(sent, new, now):
                complete.append(sent)
        if self._acked > before:
            self._pace.step(self._acked - before)
            self._last_ack = time()
        for sent in complete:
            sent.settled(sent)

    def _first_that_fit(self, records: Sequence[Record]) -> tuple[Sequence[Record], int]:
        few = records[: max(self._max_records - self._records, 0)]
        room = self._max_bytes - self._bytes
        sizes = list(takewhile(room.__ge__, accumulate(record.size for record in few)))
        if not sizes:
            wait = self._pace.seconds_until_room(max(self._records // 10, 1))
            raise Overloaded("Too many events are waiting for Kafka.", retry_after=wait)
        return few[: len(sizes)], sizes[-1]

    def _count(self, sent: Sent, new: int, now: float) -> bool:
        """Enter so many new outcomes; whether it has all of them now."""
        acked, last = self._count_failures(sent, new) if sent.failed else (new, sent.last)
        if acked:
            self._acked += acked
            self._acks.add((now - sent.at, acked, sent.records[last].event_id))
        self._records -= new
        sent.counted += new
        if sent.counted < len(sent.records):
            return False
        self._bytes -= sent.size
        return True

    def _count_failures(self, sent: Sent, new: int) -> tuple[int, int]:
        """How many of the new outcomes are acks, and the last one's place."""
        acked, last = 0, -1
        for place, outcome in [*sent.outcomes.copy().items()][sent.counted : sent.counted + new]:
            if isinstance(outcome, DeliveryFailed):
                self._metrics.errors.labels(outcome.kind).inc()
            else:
                acked, last = acked + 1, place
        return acked, last

    def _enter(self, acks: list[tuple[float, int, str]]) -> None:
        durations, times = [seconds for seconds, _, _ in acks], [acked for _, acked, _ in acks]
        self._metrics.ack_duration.observe_all(durations, lambda index: acks[index][2], times)

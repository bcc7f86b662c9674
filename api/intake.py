"""Where an event goes: to Kafka while Kafka answers, to the spool when it does not.

Every event gets a sequence number on arrival. Per key the order of arrival is kept: while a key has records in the
spool, newer ones queue behind them, and the spool is drained only up to the oldest request still waiting for an ack.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from time import monotonic

import msgspec

from api.brake import Brake
from api.drain import Drain
from api.errors import GatewayError, InvalidEvent, Overloaded, SpoolFull, TooLarge, Unconfirmed, Undeliverable
from api.link import Link
from api.metrics import ApiMetrics, ProducerError
from api.publisher import DeliveryFailed, Outcome, Publisher
from api.record import SPOOLED, Published, Receipt, Record
from api.spool import Spool, SpoolBroken

_TICK_SECONDS = 0.05
_BRAKES_SHARE = 0.25  # of the deadline: how long new events may wait for the spool to drain
_DISKS_SHARE = 0.05  # of the deadline: what Kafka has not acknowledged by then goes to the spool in time


class Waiting(msgspec.Struct, eq=False, gc=False):
    """Events of one request: whose answer they are, their places in it, and how long it may take.

    ``open`` are those in Kafka's hands, ``sent`` how many of the first ones ever were.
    """

    seqs: Sequence[int]
    records: Sequence[Record]
    receipt: Receipt
    places: Sequence[int]
    deadline: float
    open: set[int]
    sent: int = 0


class Intake:
    """Takes events in. All methods belong to the event loop, and none of them blocks."""

    def __init__(self, publisher: Publisher, spool: Spool, deadline_seconds: float, metrics: ApiMetrics) -> None:
        self._publisher, self._spool, self._metrics = publisher, spool, metrics
        self._ack_seconds = (1 - _DISKS_SHARE) * deadline_seconds
        self._waiting: dict[int, Waiting] = {}  # by their first numbers, which is also the order of their deadlines
        self._seq = 0
        self._link = Link(metrics)
        self._brake = Brake(_BRAKES_SHARE * deadline_seconds)
        self._drain = Drain(publisher, spool, self._link, self._brake, self._next_seq, self._frontier)

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

    @property
    def must_wait(self) -> bool:
        """Kafka is back, and what is in the spool should go first, or others wait for that already."""
        return (self._link.up and len(self._spool) > 0) or self._brake.holds_some

    async def wait(self, events: int) -> float:
        """Until it is the turn of so many new events; returns the seconds it took, at most a part of the deadline."""
        began = monotonic()
        await self._brake.wait(events)
        return monotonic() - began

    def accept(self, records: Sequence[Record], receipt: Receipt, places: Sequence[int], waited: float = 0.0) -> None:
        """Settle the records' places in ``receipt``: published, spooled, or why not.

        That takes the deadline at most, less what was ``waited``, and on a slow disk one fsync. The records belong
        together: none of them is accepted before another that was given here earlier.
        """
        first, count = self._seq + 1, len(records)
        self._seq += count
        due = monotonic() + self._ack_seconds - waited
        waiting = Waiting(range(first, first + count), records, receipt, places, due, set())
        if not self._link.up:
            self._to_spool(waiting, range(count))
        elif len(self._spool):
            self._part(waiting)
        else:
            self._publish(waiting)

    async def stop(self, seconds: float) -> None:
        """Wait so long for acks; what is still unacknowledged then is on disk when this returns."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._publisher.stop(seconds)
        for waiting in list(self._waiting.values()):
            self._give_up(waiting)
        await self._spool.stop()

    def _part(self, waiting: Waiting) -> None:
        """While records of some keys are in the spool, those behind them queue there, and the others go to Kafka."""
        keys = [record.key for record in waiting.records]
        behind = [place for place, key in enumerate(keys) if self._spool.holds(key)]
        self._to_spool(waiting, behind)
        ahead = sorted({*range(len(keys))}.difference(behind))
        if ahead:
            seqs, records, places = (
                [of[place] for place in ahead] for of in (waiting.seqs, waiting.records, waiting.places)
            )
            self._publish(Waiting(seqs, records, waiting.receipt, places, waiting.deadline, set()))

    def _publish(self, waiting: Waiting) -> None:
        records = waiting.records
        while waiting.sent < len(records):
            start = waiting.sent
            try:
                taken = self._publisher.send(records[start:], partial(self._settled, waiting, start))
            except Overloaded as error:
                waiting.receipt.settle(dict.fromkeys(waiting.places[start:], error.with_traceback(None)))
                break
            except DeliveryFailed as error:
                if not error.permanent:
                    self._link.fails(str(error), client_is_suspect=not error.passing)
                    self._to_spool(waiting, range(start, len(records)))
                    break
                waiting.receipt.settle({waiting.places[start]: _refusal(error)})
                taken = 1  # and done with
            else:
                waiting.open.update(range(start, start + taken))
            waiting.sent += taken
        if waiting.open:
            self._waiting[waiting.seqs[0]] = waiting

    def _settled(self, waiting: Waiting, start: int, outcomes: Mapping[int, Outcome]) -> None:
        """``outcomes`` are of the records from ``start`` on."""
        if start:
            outcomes = {start + place: outcome for place, outcome in outcomes.items()}
        if not outcomes.keys() <= waiting.open:
            outcomes = self._in_time(waiting, outcomes)
        waiting.open.difference_update(outcomes)
        places = waiting.places
        published = {places[place]: outcome for place, outcome in outcomes.items() if isinstance(outcome, Published)}
        if len(published) < len(outcomes):
            self._failed(waiting, outcomes)
        waiting.receipt.settle(published)
        if not waiting.open:
            self._waiting.pop(waiting.seqs[0], None)

    def _in_time(self, waiting: Waiting, outcomes: Mapping[int, Outcome]) -> Mapping[int, Outcome]:
        """Without those whose deadline has passed: they are in the spool by now."""
        late = outcomes.keys() - waiting.open
        self._metrics.late_acks.inc(sum(isinstance(outcomes[place], Published) for place in late))
        return {place: outcome for place, outcome in outcomes.items() if place not in late}

    def _failed(self, waiting: Waiting, outcomes: Mapping[int, Outcome]) -> None:
        for place, outcome in outcomes.items():
            if isinstance(outcome, DeliveryFailed):
                self._link.fails(str(outcome), client_is_suspect=not outcome.passing)
                self._to_spool(waiting, (place,))

    def _to_spool(self, waiting: Waiting, places: Iterable[int]) -> None:
        for place in places:
            try:
                self._spool.put(waiting.seqs[place], waiting.records[place], partial(self._spooled, waiting, place))
            except SpoolFull as error:
                self._refuse(waiting, place, error.with_traceback(None))

    def _spooled(self, waiting: Waiting, place: int, broken: SpoolBroken | None) -> None:
        if broken is None:
            waiting.receipt.settle({waiting.places[place]: SPOOLED})
        else:
            error = Undeliverable(f"The disk buffer cannot be written: {broken}", retry_after=5)
            self._refuse(waiting, place, error)

    def _refuse(self, waiting: Waiting, place: int, error: GatewayError) -> None:
        if place < waiting.sent:  # Kafka may hold it all the same, and then "not accepted" would be a lie
            error = Unconfirmed(
                "Kafka has not acknowledged the event, and the disk buffer could not take it. Send it again with"
                f" event_id {waiting.records[place].event_id}: a repeat is stored once.",
                retry_after=error.retry_after,
            )
        waiting.receipt.settle({waiting.places[place]: error})

    def _give_up(self, waiting: Waiting) -> None:
        late = sorted(waiting.open)
        waiting.open.clear()
        del self._waiting[waiting.seqs[0]]
        self._to_spool(waiting, late)

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def _frontier(self) -> int:
        return next(iter(self._waiting), self._seq + 1)

    async def _watch_deadlines(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self._expire(monotonic())

    def _expire(self, now: float) -> None:
        """Not in the task, which would keep the last request it saw while it sleeps."""
        while self._waiting and (oldest := next(iter(self._waiting.values()))).deadline <= now:
            self._link.fails(f"no ack within {self._ack_seconds:g} s")
            self._give_up(oldest)


def _refusal(error: DeliveryFailed) -> GatewayError:
    """Of a record that the client itself will not take, having looked at it alone."""
    refusal = TooLarge if error.kind is ProducerError.TOO_LARGE else InvalidEvent
    return refusal(f"Kafka refuses the record: {error}")

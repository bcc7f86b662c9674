"""Where an event goes: to Kafka while Kafka answers, to the spool when it does not.

Every event gets a sequence number on arrival. Per key the order of arrival is kept: while a key has records in the
spool, newer ones queue behind them, and the spool is drained only up to the oldest request still waiting for an ack.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import cast

import msgspec

from api.brake import Brake
from api.drain import Drain
from api.errors import GatewayError, InvalidEvent, Overloaded, SpoolFull, TooLarge, Unconfirmed, Undeliverable
from api.link import Link
from api.metrics import ApiMetrics, ProducerError
from api.publisher import DeliveryFailed, Outcome, Publisher, Sent
from api.record import SPOOLED, Published, Receipt, Record
from api.spool import Spool, SpoolBroken

_TICK_SECONDS = 0.05
_BRAKES_SHARE = 0.25  # of the deadline: how long new events may wait for the spool to drain
_DISKS_SHARE = 0.05  # of the deadline: what Kafka has not acknowledged by then goes to the spool in time


class Waiting(msgspec.Struct, eq=False, gc=False):
    """Events of one request: whose answer they are, their places in it, and how long it may take.

    Those that were ``sent`` may be in Kafka, whatever else becomes of them.
    """

    seqs: Sequence[int]
    records: Sequence[Record]
    receipt: Receipt
    places: Sequence[int]
    deadline: float
    sent: bool = False

    def part(self, which: Sequence[int]) -> "Waiting":
        seqs, records = [self.seqs[place] for place in which], [self.records[place] for place in which]
        return Waiting(seqs, records, self.receipt, [self.places[place] for place in which], self.deadline)

    def settle(self, outcomes: Mapping[int, Published]) -> None:
        """By places among these events."""
        if self.places != range(len(self.places)):
            outcomes = {self.places[place]: outcome for place, outcome in outcomes.items()}
        self.receipt.settle(outcomes)


class Intake:
    """Takes events in. All methods belong to the event loop, and none of them blocks."""

    def __init__(self, publisher: Publisher, spool: Spool, deadline_seconds: float, metrics: ApiMetrics) -> None:
        self._publisher, self._spool, self._metrics = publisher, spool, metrics
        self._ack_seconds = (1 - _DISKS_SHARE) * deadline_seconds
        self._waiting: dict[Sent, Waiting] = {}  # in the order of arrival, which is also that of their deadlines
        self._late: dict[Sent, Sequence[int]] = {}  # places of records whose deadline has passed: the spool has them
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
        if not records:  # all of the request's events were refused
            return
        first, count = self._seq + 1, len(records)
        self._seq += count
        due = monotonic() + self._ack_seconds - waited
        waiting = Waiting(range(first, first + count), records, receipt, places, due)
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
        for sent in list(self._waiting):
            self._give_up(sent)
        await self._spool.stop()

    def _part(self, waiting: Waiting) -> None:
        """While records of some keys are in the spool, those behind them queue there, and the others go to Kafka."""
        keys = [record.key for record in waiting.records]
        behind = [place for place, key in enumerate(keys) if self._spool.holds(key)]
        self._to_spool(waiting, behind)
        ahead = sorted({*range(len(keys))}.difference(behind))
        if ahead:
            self._publish(waiting.part(ahead))

    def _publish(self, waiting: Waiting) -> None:
        left: Waiting | None = waiting
        while left:
            left = self._publish_first(left)

    def _publish_first(self, waiting: Waiting) -> Waiting | None:
        """As many as the client takes at once; returns the others, which may be tried next."""
        try:
            sent = self._publisher.send(waiting.records, self._settled)
        except Overloaded as error:
            waiting.receipt.settle(dict.fromkeys(waiting.places, error.with_traceback(None)))
            return None
        except DeliveryFailed as error:
            return self._refused_at_once(waiting, error)
        taken, count = len(sent.records), len(waiting.records)
        self._waiting[sent] = first = waiting if taken == count else waiting.part(range(taken))
        first.sent = True
        return waiting.part(range(taken, count)) if taken < count else None

    def _refused_at_once(self, waiting: Waiting, error: DeliveryFailed) -> Waiting | None:
        """The first of them, before it left."""
        if not error.permanent:
            self._link.fails(str(error), client_is_suspect=not error.passing)
            self._to_spool(waiting, range(len(waiting.records)))
            return None
        waiting.receipt.settle({waiting.places[0]: _refusal(error)})
        count = len(waiting.records)
        return waiting.part(range(1, count)) if count > 1 else None

    def _settled(self, sent: Sent) -> None:
        if waiting := self._waiting.pop(sent, None):
            self._share_out(waiting, sent.outcomes, failed=sent.failed)
        else:
            late = self._late.pop(sent)
            self._metrics.late_acks.inc(sum(isinstance(sent.outcomes[place], Published) for place in late))

    def _give_up(self, sent: Sent) -> None:
        waiting, outcomes = self._waiting.pop(sent), sent.outcomes.copy()
        self._late[sent] = late = sorted({*range(len(waiting.records))}.difference(outcomes))
        self._share_out(waiting, outcomes, failed=sent.failed, late=late)

    def _share_out(
        self, waiting: Waiting, outcomes: Mapping[int, Outcome], *, failed: bool, late: Sequence[int] = ()
    ) -> None:
        """What Kafka has is done with; the others go to the spool, in their order."""
        published, failures = _parted(outcomes) if failed else (cast(Mapping[int, Published], outcomes), {})
        waiting.settle(published)
        for error in failures.values():
            self._link.fails(str(error), client_is_suspect=not error.passing)
        self._to_spool(waiting, sorted((*failures, *late)))

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
        if waiting.sent:  # Kafka may hold it all the same, and then "not accepted" would be a lie
            error = Unconfirmed(
                "Kafka has not acknowledged the event, and the disk buffer could not take it. Send it again with"
                f" event_id {waiting.records[place].event_id}: a repeat is stored once.",
                retry_after=error.retry_after,
            )
        waiting.receipt.settle({waiting.places[place]: error})

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def _frontier(self) -> int:
        return next((waiting.seqs[0] for waiting in self._waiting.values()), self._seq + 1)

    async def _watch_deadlines(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self._expire(monotonic())

    def _expire(self, now: float) -> None:
        """Not in the task, which would keep the last request it saw while it sleeps."""
        while self._waiting and self._waiting[oldest := next(iter(self._waiting))].deadline <= now:
            self._link.fails(f"no ack within {self._ack_seconds:g} s")
            self._give_up(oldest)


def _parted(outcomes: Mapping[int, Outcome]) -> tuple[Mapping[int, Published], Mapping[int, DeliveryFailed]]:
    failures = {place: error for place, error in outcomes.items() if isinstance(error, DeliveryFailed)}
    return {place: it for place, it in outcomes.items() if isinstance(it, Published)}, failures


def _refusal(error: DeliveryFailed) -> GatewayError:
    """Of a record that the client itself will not take, having looked at it alone."""
    refusal = TooLarge if error.kind is ProducerError.TOO_LARGE else InvalidEvent
    return refusal(f"Kafka refuses the record: {error}")

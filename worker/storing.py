"""A batch on its way into PostgreSQL, in a second thread: meanwhile the next one is polled and decoded."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event as Stop
from time import monotonic, time
from typing import NamedTuple

from kafka.structs import TopicPartition
from loguru import logger

from contract.topics import EVENTS
from worker.batch import Batch, DeadRecord
from worker.dead_letters import DeadLetterLimit, DeadLetters
from worker.errors import DeadLettersUnavailable, Fenced, StoreUnavailable
from worker.latency import Latency
from worker.metrics import Step, WorkerMetrics
from worker.positions import Positions
from worker.store import Store, Tally


class Stored(NamedTuple):
    """``at`` in Unix seconds; ``seconds`` is what the transaction took."""

    tally: Tally
    at: float
    seconds: float


class Storing:
    """One batch at a time; whatever else there is to ask of the store waits until it is settled.

    ``wait`` is called before another attempt, with the number of those that were made again before.
    """

    def __init__(
        self,
        store: Store,
        dead_letters: DeadLetters,
        limit: DeadLetterLimit,
        positions: Positions,
        metrics: WorkerMetrics,
        *,
        wait: Callable[[int], None],
        stop: Stop,
    ) -> None:
        self._store, self._dead_letters, self._limit = store, dead_letters, limit
        self._positions, self._metrics, self._wait, self._stop = positions, metrics, wait, stop
        self._latency = Latency(metrics)
        self._thread = ThreadPoolExecutor(1, "store")
        self._in_hand: tuple[Batch, Future[Stored]] | None = None

    @property
    def busy(self) -> bool:
        return self._in_hand is not None

    def next_offset(self, partition: TopicPartition) -> int | None:
        """Where the partition goes on when the batch in hand is stored."""
        spans = self._in_hand[0].spans if self._in_hand else {}
        if partition.partition in spans:
            return spans[partition.partition].next_offset
        return self._positions.get(partition)

    def begin(self, batch: Batch) -> None:
        """Returns at once; there must be none in hand."""
        self._metrics.batch.observe(len(batch))
        self._metrics.inflight.set(len(batch))
        for partition, span in batch.spans.items():
            self._metrics.records.labels(EVENTS.name, partition).inc(span.next_offset - span.expected)
        self._in_hand = batch, self._thread.submit(self._store_now, batch)

    def settle(self) -> bool:
        """Bring the batch in hand home, however often that takes, but for ``stop``; whether it is.

        Raises TooManyDeadLetters: then none is parked.
        """
        if self._in_hand is None:
            return True
        (batch, stored), attempt = self._in_hand, 0
        while not (done := self._done(batch, stored)) and not self._stop.is_set():
            self._wait(attempt)
            stored, attempt = self._thread.submit(self._store_now, batch), attempt + 1
        self._in_hand = None
        self._metrics.inflight.set(0)
        return done

    def _store_now(self, batch: Batch) -> Stored:
        began = monotonic()
        tally = self._store.store(batch, self._park)
        return Stored(tally, time(), monotonic() - began)

    def _park(self, batch: Batch, dead: Sequence[DeadRecord]) -> None:
        self._limit.check(batch.fates({record.place for record in dead}))
        self._dead_letters.park([record for record in dead if record.place not in batch.parked])
        batch.parked.update(record.place for record in dead)  # a second attempt need not do it again

    def _done(self, batch: Batch, stored: Future[Stored]) -> bool:
        """Whether the batch is done with: stored, or another worker's."""
        try:
            self._stored(batch, stored.result())
        except Fenced as error:
            logger.warning("a batch of {} records is dropped: {}", len(batch), error)
            self._metrics.fenced.inc()
            self._metrics.fenced_records.inc(len(batch))
            self._positions.forget(TopicPartition(EVENTS.name, partition) for partition in batch.spans)
        except StoreUnavailable as error:
            logger.warning("trying again soon: {}", error)
            self._metrics.store_failed(error.trouble)
            return False
        except DeadLettersUnavailable as error:
            logger.warning("trying again soon: {}", error)
            self._metrics.errors.labels(Step.DEAD_LETTER).inc()
            return False
        return True

    def _stored(self, batch: Batch, stored: Stored) -> None:
        self._metrics.store_up.set(1)
        self._metrics.store_duration.observe(stored.seconds)
        self._limit.count(batch.fates(batch.parked))
        self._positions.move(batch.spans.items())
        self._positions.observe_lag()
        self._metrics.rows.labels("stored").inc(stored.tally.stored)
        self._metrics.rows.labels("duplicate").inc(stored.tally.duplicate)
        self._latency.observe(batch.events, batch.polled_at, stored.at)
        for partition, milliseconds in {e.record.partition: e.record.timestamp for e in batch.events}.items():
            self._metrics.watermark.labels(EVENTS.name, partition).set(milliseconds / 1000)

"""The worker's loop: poll, decode, park, log, store, commit.

PostgreSQL's offsets say where each partition goes on; Kafka's own commit is a hint for those who watch the lag. So no
record is ever passed over because of a commit, and a crash at any step only repeats what the fence then leaves out.
"""

from collections.abc import Callable
from threading import Event as Stop
from time import monotonic, time
from typing import Any

from kafka import KafkaConsumer
from kafka import errors as kafka_errors
from kafka.structs import OffsetAndMetadata, TopicPartition
from loguru import logger

from contract.topics import EVENTS
from worker.batch import Batch, DeadRecord, EventRecord
from worker.dead_letters import DeadLetterLimit, DeadLetters
from worker.errors import DeadLettersUnavailable, Fenced, StoreUnavailable
from worker.event_log import EventLog
from worker.latency import Latency
from worker.metrics import Parked, Step, WorkerMetrics
from worker.positions import Positions
from worker.store import Store, Tally

_POLL_MS = 200
_COMMIT_SECONDS = 0.2
_FIRST_RETRY_SECONDS = 0.1
_KAFKA_ERRORS = 20  # in a row; then a new process has better chances than this one


class Worker:
    """Runs in one thread. ``beat`` is called at every turn of the loop, as a sign of life."""

    def __init__(
        self,
        consumer: KafkaConsumer,
        store: Store,
        event_log: EventLog,
        dead_letters: DeadLetters,
        limit: DeadLetterLimit,
        metrics: WorkerMetrics,
        *,
        retry_max_seconds: float,
        beat: Callable[[], None],
    ) -> None:
        self._consumer, self._store, self._event_log = consumer, store, event_log
        self._dead_letters, self._limit, self._metrics = dead_letters, limit, metrics
        self._retry_max_seconds, self._beat = retry_max_seconds, beat
        self._positions = Positions(consumer, store, metrics)
        self._latency = Latency(metrics)
        self._uncommitted: dict[TopicPartition, int] = {}
        self._committed_at = 0.0
        self._kafka_errors = 0

    def run(self, stop: Stop) -> None:
        """Returns when ``stop`` is set and the batch in hand is stored, or cannot be stored now.

        Raises TooManyDeadLetters, and KafkaError when waiting does not mend it.
        """
        while not stop.is_set():
            self._beat()
            batch = Batch(time())
            try:
                batch = self._next_batch()
            except StoreUnavailable as error:
                self._note(Step.STORE, error)
                self._pause(0, stop)
            if len(batch):
                self._finish(batch, stop)
            if not len(batch) or monotonic() - self._committed_at >= _COMMIT_SECONDS:
                self._commit()
        self._commit()

    def halt(self, stop: Stop) -> None:
        """Consume nothing, keep the partitions and the metrics, until ``stop`` is set.

        A process that ended here would be restarted, and park a little more each time.
        """
        self._metrics.halted.set(1)
        while not stop.is_set():
            self._consumer.pause(*self._consumer.assignment())
            self._poll(_POLL_MS)

    def _next_batch(self) -> Batch:
        """Raises StoreUnavailable when a new partition's place cannot be asked; its records are fetched again then."""
        polled = self._poll(_POLL_MS)
        batch = Batch(time())
        expected = {partition: self._positions.get(partition) for partition in polled}
        self._place()
        for partition, records in polled.items():
            position = expected[partition]
            if position is None:  # fetched before the partition was put in its place, from where it is fetched again
                continue
            if records[0].offset < position:
                self._positions.forget([partition])
                continue
            if records[0].offset > position:
                logger.error("{} records of {} are gone or were never events", records[0].offset - position, partition)
                self._metrics.skipped.inc(records[0].offset - position)
            batch.add(partition, position, records)
        self._positions.observe_lag()
        return batch

    def _finish(self, batch: Batch, stop: Stop) -> None:
        """Bring a batch home, however often that takes. Raises TooManyDeadLetters before anything is parked."""
        self._limit.check(len(batch), len(batch.dead))
        self._observe_polled(batch)
        self._event_log.write(batch.events)
        attempt = 0
        while not self._try(batch) and not stop.is_set():
            self._pause(attempt, stop)
            attempt += 1
        self._metrics.inflight.set(0)

    def _try(self, batch: Batch) -> bool:
        """Whether the batch is done with: stored, or another worker's."""
        began = monotonic()
        try:
            self._dead_letters.park(batch.dead)
            batch.dead.clear()  # parked: a second attempt need not do it again
            tally = self._store.store(batch, self._park_unstorable)
        except Fenced as error:
            logger.warning("a batch of {} records is dropped: {}", len(batch), error)
            self._metrics.fenced.inc()
            self._positions.forget([TopicPartition(EVENTS.name, partition) for partition in batch.spans])
        except (StoreUnavailable, DeadLettersUnavailable) as error:
            self._note(Step.STORE if isinstance(error, StoreUnavailable) else Step.DEAD_LETTER, error)
            return False
        else:
            self._metrics.store_duration.observe(monotonic() - began)
            self._stored(batch, tally)
        return True

    def _stored(self, batch: Batch, tally: Tally) -> None:
        self._metrics.store_up.set(1)
        self._positions.move(batch.spans.items())
        self._positions.observe_lag()
        self._uncommitted |= {TopicPartition(EVENTS.name, p): span.next_offset for p, span in batch.spans.items()}
        self._metrics.rows.labels("stored").inc(tally.stored)
        self._metrics.rows.labels("duplicate").inc(tally.duplicate)
        self._latency.observe(batch.events, batch.polled_at, time())
        for event in batch.events:
            self._metrics.watermark.labels(EVENTS.name, event.record.partition).set(event.record.timestamp / 1000)

    def _park_unstorable(self, event: EventRecord, why: str) -> None:
        self._dead_letters.park([DeadRecord(event.record, Parked.UNSTORABLE, why)])

    def _pause(self, attempt: int, stop: Stop) -> None:
        """Wait before the next attempt, and keep the membership: paused partitions are polled but not fetched."""
        seconds = min(_FIRST_RETRY_SECONDS * 2**attempt, self._retry_max_seconds)
        self._metrics.paused.set(1)
        self._consumer.pause(*self._consumer.assignment())
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0 and not stop.is_set():
            self._beat()
            # Only partitions that came with a rebalance meanwhile have records; they are sought anew.
            self._positions.forget(list(self._poll(int(min(left * 1000, _POLL_MS)))))
        self._consumer.resume(*self._consumer.paused())
        self._metrics.paused.set(0)

    def _poll(self, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        try:
            polled: dict[TopicPartition, list[Any]] = self._consumer.poll(timeout_ms=timeout_ms)
        except kafka_errors.KafkaError as error:
            # A failed fetch leaves the client's position behind the record that made it fail, so all are sought anew.
            self._kafka_failed(Step.POLL, error)
            self._positions.forget(self._consumer.assignment())
            return {}
        self._kafka_errors = 0
        self._metrics.last_poll.set(time())
        return polled

    def _place(self) -> None:
        try:
            self._positions.place()
        except kafka_errors.KafkaError as error:
            self._kafka_failed(Step.POLL, error)

    def _commit(self) -> None:
        if not self._uncommitted:
            return
        began = monotonic()
        offsets = {tp: OffsetAndMetadata(offset, "", -1) for tp, offset in self._uncommitted.items()}
        try:
            self._consumer.commit(offsets, timeout_ms=5_000)
        except kafka_errors.KafkaError as error:
            # Harmless: the table has the offsets. The next commit covers this one.
            self._metrics.commits.labels("failed").inc()
            logger.warning("Kafka did not take a commit: {}", error)
        else:
            self._metrics.commits.labels("ok").inc()
            self._metrics.last_commit.set(time())
            self._metrics.commit_duration.observe(monotonic() - began)
        self._uncommitted.clear()
        self._committed_at = monotonic()

    def _observe_polled(self, batch: Batch) -> None:
        self._metrics.batch.observe(len(batch))
        self._metrics.inflight.set(len(batch))
        for partition, span in batch.spans.items():
            self._metrics.records.labels(EVENTS.name, partition).inc(span.next_offset - span.expected)

    def _note(self, step: Step, error: StoreUnavailable | DeadLettersUnavailable) -> None:
        self._metrics.errors.labels(step).inc()
        if isinstance(error, StoreUnavailable):
            self._metrics.store_up.set(0)
            self._metrics.retries.labels(error.trouble).inc()
        logger.warning("trying again soon: {}", error)

    def _kafka_failed(self, step: Step, error: Exception) -> None:
        self._metrics.errors.labels(step).inc()
        self._kafka_errors += 1
        if self._kafka_errors >= _KAFKA_ERRORS:
            raise error
        logger.warning("Kafka failed, {} times in a row: {}", self._kafka_errors, error)

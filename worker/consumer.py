"""The worker's loop: poll, decode, log, store, park, commit.

PostgreSQL's offsets say where each partition goes on; Kafka's own commit is a hint for those who watch the lag. So no
record is ever passed over because of a commit, and a crash at any step only repeats what the fence then leaves out.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event as Stop
from time import monotonic, time
from typing import NamedTuple

from kafka import errors as kafka_errors
from kafka.structs import TopicPartition
from loguru import logger

from contract.topics import EVENTS
from worker.batch import Batch, DeadRecord
from worker.commits import Commits
from worker.dead_letters import DeadLetterLimit, DeadLetters
from worker.errors import DeadLettersUnavailable, Fenced, StoreUnavailable
from worker.event_log import EventLog
from worker.latency import Latency
from worker.metrics import Step, WorkerMetrics
from worker.positions import Positions
from worker.probe import Probe
from worker.store import Store, Tally
from worker.subscription import Subscription
from worker.watchdog import Joining, Watchdog

_POLL_MS = 200
_FIRST_RETRY_SECONDS = 0.1


class Stored(NamedTuple):
    """``at`` in Unix seconds; ``seconds`` is what the transaction took."""

    tally: Tally
    at: float
    seconds: float


class Worker:
    """Runs in one thread, until ``stop`` is set. ``beat`` is called at every turn of the loop, as a sign of life.

    Batches are stored in a second thread: while PostgreSQL works on one, the next is polled and decoded. Whatever else
    there is to ask of the store waits until the batch in hand is settled.
    """

    def __init__(
        self,
        subscription: Subscription,
        store: Store,
        event_log: EventLog,
        dead_letters: DeadLetters,
        limit: DeadLetterLimit,
        watchdog: Watchdog,
        joining: Joining,
        probe: Probe,
        metrics: WorkerMetrics,
        *,
        retry_max_seconds: float,
        beat: Callable[[], None],
        stop: Stop,
    ) -> None:
        self._subscription, self._store, self._event_log = subscription, store, event_log
        self._dead_letters, self._limit, self._watchdog, self._metrics = dead_letters, limit, watchdog, metrics
        self._probe, self._joining = probe, joining
        self._retry_max_seconds, self._beat, self._stop = retry_max_seconds, beat, stop
        self._positions = Positions(subscription, store, metrics)
        self._latency = Latency(metrics)
        self._commits = Commits(subscription.commit, metrics)
        self._storing = ThreadPoolExecutor(1, "store")
        self._in_hand: tuple[Batch, Future[Stored]] | None = None

    def run(self) -> None:
        """Returns when it was told to stop and the batch in hand is stored, or cannot be stored now.

        Raises TooManyDeadLetters.
        """
        while not self._stop.is_set():
            self._beat()
            batch = self._next_batch()
            self._settle()
            if len(batch) and not self._stop.is_set():
                self._begin(batch)
            self._commits.offer(self._positions.all, idle=not len(batch))
            self._watch()
        self._settle()
        self._commits.make(self._positions.all)

    def halt(self) -> None:
        """Consume nothing, keep the partitions and the metrics, until told to stop.

        A process that ended here would be restarted, and park a little more each time.
        """
        self._metrics.halted.set(1)
        self._commits.make(self._positions.all)
        while not self._stop.is_set():
            self._subscription.pause()
            self._subscription.poll(_POLL_MS)

    def _next_batch(self) -> Batch:
        """Empty when there is nothing, or when a new partition's place cannot be asked now."""
        polled = {} if self._subscription.stumbled else self._subscription.poll(0 if self._in_hand else _POLL_MS)
        if (moved := self._subscription.moved()) or self._subscription.stumbled:
            self._lose(moved)
            self._commits.forget(moved)
        batch = Batch(time())
        expected = {partition: self._expected(partition) for partition in polled}
        if not self._place():
            self._lose(polled)
            return batch
        if self._subscription.stumbled:
            self._step_over(batch)
        for partition, records in polled.items():
            position = expected[partition]
            if position is None:  # fetched before the partition was put in its place, from where it is fetched again
                continue
            if records[0].offset < position:
                self._lose([partition])
                continue
            if records[0].offset > position:
                logger.error("{} records of {} are gone or were never events", records[0].offset - position, partition)
                self._metrics.skipped.inc(records[0].offset - position)
            batch.add(partition, position, records)
        self._positions.observe_lag()
        return batch

    def _lose(self, partitions: Iterable[TopicPartition]) -> None:
        """What was polled of them is dropped, and fetched again from their place; the batch in hand is settled first,
        which would put them where they are not."""
        self._settle()
        self._positions.forget(partitions)

    def _expected(self, partition: TopicPartition) -> int | None:
        """Where the partition goes on when the batch in hand is stored."""
        spans = self._in_hand[0].spans if self._in_hand else {}
        if partition.partition in spans:
            return spans[partition.partition].next_offset
        return self._positions.get(partition)

    def _step_over(self, batch: Batch) -> None:
        """Bury the record that cannot be unpacked; nothing else has been polled then."""
        try:
            dead = self._probe.first(self._positions.all)
        except kafka_errors.KafkaError as error:
            self._subscription.failed(Step.POLL, error)
            return
        if dead is None:
            logger.warning("the record that could not be unpacked can be now: joining the group again")
            self._subscription.replace()
            return
        batch.bury(dead)
        self._subscription.step_over(TopicPartition(EVENTS.name, dead.record.partition), dead.record.offset)

    def _place(self) -> bool:
        if unplaced := self._positions.unplaced():
            self._settle()
        try:
            self._positions.place(unplaced)
        except kafka_errors.KafkaError as error:
            self._subscription.failed(Step.POLL, error)
        except Fenced as error:
            logger.warning("somebody else has placed a partition, so it is asked for once more: {}", error)
        except StoreUnavailable as error:
            self._note(Step.STORE, error)
            self._pause(0)
        else:
            return True
        return False

    def _begin(self, batch: Batch) -> None:
        self._observe_polled(batch)
        self._event_log.write(batch.events)
        self._in_hand = batch, self._storing.submit(self._store_now, batch)

    def _store_now(self, batch: Batch) -> Stored:
        began = monotonic()
        tally = self._store.store(batch, self._park)
        return Stored(tally, time(), monotonic() - began)

    def _settle(self) -> None:
        """Bring the batch in hand home, however often that takes. Raises TooManyDeadLetters: then none is parked."""
        if self._in_hand is None:
            return
        (batch, stored), attempt = self._in_hand, 0
        while not self._done(batch, stored) and not self._stop.is_set():
            self._pause(attempt)
            stored, attempt = self._storing.submit(self._store_now, batch), attempt + 1
        self._in_hand = None
        self._metrics.inflight.set(0)

    def _done(self, batch: Batch, stored: Future[Stored]) -> bool:
        """Whether the batch is done with: stored, or another worker's."""
        try:
            self._stored(batch, stored.result())
        except Fenced as error:
            logger.warning("a batch of {} records is dropped: {}", len(batch), error)
            self._metrics.fenced.inc()
            self._metrics.fenced_records.inc(len(batch))
            self._positions.forget(TopicPartition(EVENTS.name, partition) for partition in batch.spans)
        except (StoreUnavailable, DeadLettersUnavailable) as error:
            self._note(Step.STORE if isinstance(error, StoreUnavailable) else Step.DEAD_LETTER, error)
            return False
        return True

    def _park(self, batch: Batch, dead: Sequence[DeadRecord]) -> None:
        self._limit.check(batch.fates({record.place for record in dead}))
        self._dead_letters.park([record for record in dead if record.place not in batch.parked])
        batch.parked.update(record.place for record in dead)  # a second attempt need not do it again

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

    def _pause(self, attempt: int) -> None:
        """Wait before the next attempt, and keep the membership: paused partitions are polled but not fetched."""
        seconds = min(_FIRST_RETRY_SECONDS * 2**attempt, self._retry_max_seconds)
        self._metrics.paused.set(1)
        self._subscription.pause()
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0 and not self._stop.is_set():
            self._beat()
            # Only partitions that came with a rebalance meanwhile have records; they are sought anew.
            self._positions.forget(self._subscription.poll(int(min(left * 1000, _POLL_MS))))
        self._subscription.resume()
        self._watchdog.excuse()
        self._metrics.paused.set(0)

    def _watch(self) -> None:
        if self._joining.endless(self._subscription.rebalancing):
            self._replace("the client joins its group and comes to no end")
            return
        try:
            stuck = self._watchdog.stuck(self._positions.all, self._subscription.heads)
        except kafka_errors.KafkaError as error:
            logger.debug("whether a partition is stuck cannot be told now: {}", error)
            return
        if stuck:
            self._replace(f"{sorted(stuck)} have records and don't move")

    def _replace(self, reason: str) -> None:
        logger.error("{}: a new client joins in its place", reason)
        self._metrics.errors.labels(Step.STALL).inc()
        self._subscription.replace()

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

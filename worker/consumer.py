"""The worker's loop: poll, decode, log, store, park, commit.

PostgreSQL's offsets say where each partition goes on; Kafka's own commit is a hint for those who watch the lag. So no
record is ever passed over because of a commit, and a crash at any step only repeats what the fence then leaves out.
"""

from collections.abc import Callable, Iterable
from threading import Event as Stop
from time import monotonic, time

from kafka import errors as kafka_errors
from kafka.structs import TopicPartition
from loguru import logger

from contract.topics import EVENTS
from worker.batch import Batch
from worker.commits import Commits
from worker.dead_letters import DeadLetterLimit, DeadLetters
from worker.errors import Fenced, StoreUnavailable
from worker.event_log import EventLog
from worker.metrics import Step, WorkerMetrics
from worker.positions import Positions
from worker.probe import Probe
from worker.store import Store
from worker.storing import Storing
from worker.subscription import Subscription
from worker.unpacking import Record
from worker.watchdog import Joining, Watchdog

_POLL_MS = 200
_FIRST_RETRY_SECONDS = 0.1


class Worker:
    """Runs in one thread, until ``stop`` is set. ``beat`` is called at every turn of the loop, as a sign of life.

    While PostgreSQL works on one batch, the next is polled and decoded.
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
        self._subscription, self._event_log, self._metrics = subscription, event_log, metrics
        self._watchdog, self._joining, self._probe = watchdog, joining, probe
        self._retry_max_seconds, self._beat, self._stop = retry_max_seconds, beat, stop
        self._positions = Positions(subscription, store, metrics)
        self._commits = Commits(subscription.ask_for_commit, subscription.commit, metrics)
        self._storing = Storing(store, dead_letters, limit, self._positions, metrics, wait=self._pause, stop=stop)

    def run(self) -> None:
        """Returns when it was told to stop and the batch in hand is stored, or cannot be stored now.

        Raises TooManyDeadLetters.
        """
        while not self._stop.is_set():
            self._beat()
            batch = self._next_batch()
            self._event_log.write(batch.events)  # as well while the last one is being stored
            if self._storing.settle() and len(batch):
                self._storing.begin(batch)
            self._commits.offer(self._positions.all, idle=not len(batch))
            self._watch()
        self._storing.settle()
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
        polled = {} if self._subscription.stumbled else self._subscription.poll(0 if self._storing.busy else _POLL_MS)
        if (moved := self._subscription.moved()) or self._subscription.stumbled:
            self._lose(moved)
            self._commits.forget(moved)
        batch = Batch(time())
        expected = {partition: self._storing.next_offset(partition) for partition in polled}
        if not self._place():
            self._lose(polled)
            return batch
        if self._subscription.stumbled:
            self._step_over(batch)
        for partition, records in polled.items():
            self._add(batch, partition, expected[partition], records)
        self._positions.observe_lag()
        return batch

    def _add(self, batch: Batch, partition: TopicPartition, position: int | None, records: list[Record]) -> None:
        if position is None:  # fetched before the partition was put in its place, from where it is fetched again
            return
        if records[0].offset < position:
            self._lose([partition])
            return
        if records[0].offset > position:
            logger.error("{} records of {} are gone or were never events", records[0].offset - position, partition)
            self._metrics.skipped.inc(records[0].offset - position)
        batch.add(partition, position, records)

    def _lose(self, partitions: Iterable[TopicPartition]) -> None:
        """What was polled of them is dropped, and fetched again from their place; the batch in hand is settled first,
        which would put them where they are not."""
        self._storing.settle()
        self._positions.forget(partitions)

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
            self._storing.settle()
        try:
            self._positions.place(unplaced)
        except kafka_errors.KafkaError as error:
            self._subscription.failed(Step.POLL, error)
        except Fenced as error:
            logger.warning("somebody else has placed a partition, so it is asked for once more: {}", error)
        except StoreUnavailable as error:
            logger.warning("trying again soon: {}", error)
            self._metrics.store_failed(error.trouble)
            self._pause(0)
        else:
            return True
        return False

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

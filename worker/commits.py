"""What Kafka is told of the table's offsets: a hint for those who watch the lag, never what the worker goes by."""

from collections.abc import Callable, Iterable, Mapping
from time import monotonic, time

from kafka import errors as kafka_errors
from kafka.structs import TopicPartition
from loguru import logger

from worker.metrics import Step, WorkerMetrics

_SECONDS = 0.2
_SECONDS_AFTER_FAILURE = 2.0

Commit = Callable[[Mapping[TopicPartition, int]], object]
"""May block for seconds. Raises KafkaError."""


class Commits:
    """Commits what differs from the last commit that Kafka took, so that one that fails is made up for later."""

    def __init__(self, commit: Commit, metrics: WorkerMetrics, clock: Callable[[], float] = monotonic) -> None:
        self._commit, self._metrics, self._clock = commit, metrics, clock
        self._taken: dict[TopicPartition, int] = {}
        self._again_at = self._next_at = 0.0

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Others may have committed for them."""
        for partition in partitions:
            self._taken.pop(partition, None)

    def offer(self, positions: Mapping[TopicPartition, int], *, idle: bool) -> None:
        """Commit now and then; at once when there is nothing else to do, but for a while after a failure."""
        if self._clock() >= (self._again_at if idle else self._next_at):
            self.make(positions)

    def make(self, positions: Mapping[TopicPartition, int]) -> None:
        """Commit, when there is anything new. May block for seconds."""
        new = dict(positions.items() - self._taken.items())
        if not new:
            return
        began = self._clock()
        try:
            self._commit(new)
        except kafka_errors.KafkaError as error:
            # Harmless: the table has the offsets.
            self._metrics.commits.labels("failed").inc()
            self._metrics.errors.labels(Step.COMMIT).inc()
            logger.warning("Kafka did not take a commit, which is tried again: {}", error)
            self._again_at = self._next_at = self._clock() + _SECONDS_AFTER_FAILURE
        else:
            self._taken |= new
            self._metrics.commits.labels("ok").inc()
            self._metrics.last_commit.set(time())
            self._metrics.commit_duration.observe(self._clock() - began)
            self._next_at = self._clock() + _SECONDS

"""What Kafka is told of the table's offsets: a hint for those who watch the lag, never what the worker goes by.

So nobody waits for it: a coordinator that does not answer holds up no record.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from time import monotonic, time
from typing import NamedTuple

from kafka import errors as kafka_errors
from kafka.structs import TopicPartition
from loguru import logger

from worker.metrics import Step, WorkerMetrics

_SECONDS = 0.2
_SECONDS_AFTER_FAILURE = 2.0
_LONGEST_SECONDS = 35.0  # the client gives up after 30; one that was replaced never tells

Offsets = Mapping[TopicPartition, int]

Answered = Callable[[BaseException | None], None]
"""Called with what went wrong, from whatever thread."""


class _Answer(NamedTuple):
    """``began`` and ``ended`` by the clock, in seconds."""

    offsets: Offsets
    began: float
    ended: float
    error: BaseException | None


class Commits:
    """Commits what differs from the last commit that Kafka took, so that one that fails is made up for later.

    ``ask`` returns at once; ``commit`` may block for seconds, and raises KafkaError.
    """

    def __init__(
        self,
        ask: Callable[[Offsets, Answered], None],
        commit: Callable[[Offsets], None],
        metrics: WorkerMetrics,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._ask, self._commit, self._metrics, self._clock = ask, commit, metrics, clock
        self._taken: dict[TopicPartition, int] = {}
        self._asked: dict[TopicPartition, int] = {}
        self._answers = deque[_Answer]()
        self._again_at = self._next_at = 0.0

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Others may have committed for them."""
        for partition in partitions:
            self._taken.pop(partition, None)
            self._asked.pop(partition, None)

    def offer(self, positions: Offsets, *, idle: bool) -> None:
        """Ask for a commit now and then; at once when there is nothing else to do, but for a while after a failure."""
        self._hear()
        if self._clock() >= (self._again_at if idle else self._next_at) and (new := self._new(positions)):
            began, self._asked = self._clock(), new
            self._again_at = self._next_at = began + _LONGEST_SECONDS  # one at a time
            self._ask(new, lambda error: self._answers.append(_Answer(new, began, self._clock(), error)))

    def make(self, positions: Offsets) -> None:
        """Commit, when there is anything new, and wait for it. May block for seconds."""
        self._hear()
        if new := self._new(positions):
            began, error = self._clock(), None
            try:
                self._commit(new)
            except kafka_errors.KafkaError as failure:
                error = failure
            self._ended(_Answer(new, began, self._clock(), error))

    def _new(self, positions: Offsets) -> dict[TopicPartition, int]:
        return dict(positions.items() - self._taken.items())

    def _hear(self) -> None:
        while self._answers:
            self._ended(self._answers.popleft())

    def _ended(self, answer: _Answer) -> None:
        if answer.error is not None:
            # Harmless: the table has the offsets.
            self._metrics.commits.labels("failed").inc()
            self._metrics.errors.labels(Step.COMMIT).inc()
            logger.warning("Kafka did not take a commit, which is tried again: {!r}", answer.error)
            self._again_at = self._next_at = answer.ended + _SECONDS_AFTER_FAILURE
            return
        self._taken |= answer.offsets
        self._metrics.commits.labels("ok").inc()
        self._metrics.last_commit.set(time())
        self._metrics.commit_duration.observe(answer.ended - answer.began)
        self._again_at, self._next_at = answer.ended, answer.ended + _SECONDS

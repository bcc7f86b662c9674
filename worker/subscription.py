"""The worker's place in its group, and the Kafka client behind it, which is replaced when it is stuck."""

from collections import deque
from collections.abc import Callable, Collection
from time import sleep, time
from uuid import UUID

from kafka import errors as kafka_errors
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.structs import MemberState, OffsetAndMetadata, TopicPartition
from loguru import logger

from contract.topics import EVENTS
from worker.client import LeanConsumer
from worker.commits import Answered, Offsets
from worker.metrics import Step, WorkerMetrics
from worker.probe import UNREADABLE
from worker.unpacking import Record

_ANSWER_MS = 5_000
_ERROR_PAUSE_SECONDS = 0.2
_ERRORS = 20  # in a row; then a new client has better chances than this one


class Subscription:
    """Not thread-safe. ``poll`` raises nothing of Kafka's: errors are counted, and the next poll tries again."""

    def __init__(self, connect: Callable[[], LeanConsumer], metrics: WorkerMetrics) -> None:
        self._connect, self._metrics = connect, metrics
        self._moved = deque[TopicPartition]()
        self._errors = 0
        self._stumbled = False
        self._known_id: UUID | None = None
        self._consumer = self._subscribe()

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        try:
            polled: dict[TopicPartition, list[Record]] = self._consumer.poll(timeout_ms=timeout_ms)
        except UNREADABLE as error:
            logger.error("a record cannot be unpacked: {}", error)
            self._metrics.errors.labels(Step.POLL).inc()
            self._stumbled = True
            return {}
        except kafka_errors.KafkaError as error:
            # A failed fetch leaves the client's position behind the record that made it fail.
            self._moved.extend(self.assignment())
            self.failed(Step.POLL, error)
            return {}
        self._errors = 0
        self._metrics.last_poll.set(time())
        return polled

    @property
    def stumbled(self) -> bool:
        """Whether a poll met a record it cannot unpack; another one would never return, until ``step_over``."""
        return self._stumbled

    def step_over(self, partition: TopicPartition, offset: int) -> None:
        """Go on behind the record that cannot be unpacked."""
        self._consumer.seek(partition, offset + 1)
        self._stumbled = False

    def moved(self) -> set[TopicPartition]:
        """Partitions given, taken or fetched wrongly since the last call: where they go on must be asked anew.

        All of them, when the topic is another one by now.
        """
        if self.topic_id != self._known_id:
            self._known_id = self.topic_id
            self._moved.extend(self.assignment())
        return {self._moved.popleft() for _ in range(len(self._moved))}

    @property
    def topic_id(self) -> UUID | None:
        """None while the client does not know it."""
        return self._consumer.topic_id(EVENTS.name)

    @property
    def rebalancing(self) -> bool:
        """Whether the client has begun to join the group and not ended."""
        return bool(self._consumer.group_metadata().state == MemberState.REBALANCING)

    def assignment(self) -> set[TopicPartition]:
        assigned: set[TopicPartition] = self._consumer.assignment()
        return assigned

    def bounds(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """First offset and head of each; may block for seconds. Raises KafkaError."""
        first = self._consumer.beginning_offsets(partitions, timeout_ms=_ANSWER_MS)
        heads = self.heads(partitions)
        return {partition: (first[partition], heads[partition]) for partition in partitions}

    def heads(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset behind each partition's last record; may block for seconds. Raises KafkaError."""
        heads: dict[TopicPartition, int] = self._consumer.end_offsets(partitions, timeout_ms=_ANSWER_MS)
        return heads

    def fetched_head(self, partition: TopicPartition) -> int | None:
        """The head as of the last fetch, without asking; None before that, and when the partition is another's now."""
        try:
            head: int | None = self._consumer.highwater(partition)
        except kafka_errors.IllegalStateError:
            return None
        return head

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._consumer.seek(partition, offset)

    def pause(self) -> None:
        """Fetch nothing until ``resume``; polls go on and keep the membership."""
        self._consumer.pause(*self.assignment())

    def resume(self) -> None:
        self._consumer.resume(*self._consumer.paused())

    def commit(self, offsets: Offsets) -> None:
        """May block for seconds. Raises KafkaError."""
        self._consumer.commit(_as_kafka_has_them(offsets), timeout_ms=_ANSWER_MS)

    def ask_for_commit(self, offsets: Offsets, answered: Answered) -> None:
        """Does not block."""
        self._consumer.ask_for_commit(_as_kafka_has_them(offsets), answered)

    def failed(self, step: Step, error: Exception) -> None:
        """Count an error of Kafka's; the twentieth in a row is answered with a new client."""
        self._metrics.errors.labels(step).inc()
        self._errors += 1
        logger.warning("Kafka failed, {} times in a row: {}", self._errors, error)
        sleep(_ERROR_PAUSE_SECONDS)
        if self._errors % _ERRORS == 0:
            self.replace()

    def replace(self) -> None:
        """Leave the group, and join it again with a new client. May block for seconds."""
        self._moved.extend(self.assignment())
        self.close(_ANSWER_MS / 1000)
        self._consumer = self._subscribe()
        self._stumbled = False

    def close(self, seconds: float) -> None:
        try:
            self._consumer.close(autocommit=False, timeout_ms=int(seconds * 1000))
        except kafka_errors.KafkaError as error:
            logger.warning("the group will notice by itself that this worker is gone: {}", error)

    def _subscribe(self) -> LeanConsumer:
        consumer = self._connect()
        consumer.subscribe([EVENTS.name], listener=_Rebalances(self._moved, self._metrics))
        return consumer


def _as_kafka_has_them(offsets: Offsets) -> dict[TopicPartition, OffsetAndMetadata]:
    return {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in offsets.items()}


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]
    """Only notes: kafka-python calls it on its IO thread, where nothing may block."""

    def __init__(self, moved: "deque[TopicPartition]", metrics: WorkerMetrics) -> None:
        self._moved = moved
        self._assigned = metrics.rebalances.labels("assigned")
        self._revoked = metrics.rebalances.labels("revoked")

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._moved.extend(assigned)
        self._assigned.inc()

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._moved.extend(revoked)
        self._revoked.inc()

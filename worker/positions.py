"""Where each partition goes on: PostgreSQL's offsets, brought together with what the topic still holds."""

from collections.abc import Iterable, Mapping

from kafka.structs import TopicPartition
from loguru import logger

from contract.topics import EVENTS
from worker.batch import Span
from worker.metrics import WorkerMetrics
from worker.store import Store
from worker.subscription import Subscription


class Positions:
    """The next offset to store of each partition this worker owns, as the table has it."""

    def __init__(self, subscription: Subscription, store: Store, metrics: WorkerMetrics) -> None:
        self._subscription, self._store, self._metrics = subscription, store, metrics
        self._next: dict[TopicPartition, int] = {}
        self._owned: set[TopicPartition] = set()

    @property
    def all(self) -> Mapping[TopicPartition, int]:
        return self._next

    def get(self, partition: TopicPartition) -> int | None:
        """None until ``place`` has put the partition in its place."""
        return self._next.get(partition)

    def move(self, spans: Iterable[tuple[int, Span]]) -> None:
        self._next |= {TopicPartition(EVENTS.name, partition): span.next_offset for partition, span in spans}

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """They are placed anew."""
        for partition in partitions:
            self._next.pop(partition, None)

    def unplaced(self) -> set[TopicPartition]:
        """Forget the partitions that were taken away; returns those that were assigned anew."""
        self._own(self._subscription.assignment())
        return self._owned - self._next.keys()

    def place(self, unplaced: set[TopicPartition]) -> None:
        """Seek them. May block. Raises StoreUnavailable, and KafkaError when the topic's bounds cannot be asked."""
        if not unplaced:
            return
        if (topic_id := self._subscription.topic_id) and self._store.recognise(topic_id):
            logger.warning("topic {} was deleted and made again: it is read from its start", EVENTS.name)
        stored = self._store.offsets()
        self._metrics.store_up.set(1)  # without a batch nothing else would tell
        # Asked last: the stored offset of a process that sleeps in between is the older one, and never beyond the head.
        bounds = self._subscription.bounds(unplaced)
        for partition in unplaced:
            position = self._bounded(partition, stored.get(partition.partition), *bounds[partition])
            self._subscription.seek(partition, position)
            self._next[partition] = position
        logger.info("placed {}", {partition.partition: self._next[partition] for partition in sorted(unplaced)})

    def observe_lag(self) -> None:
        for partition, position in self._next.items():
            head = self._subscription.fetched_head(partition)
            if head is not None:  # not known before the first fetch
                self._metrics.lag.labels(partition.topic, partition.partition).set(max(head - position, 0))

    def _bounded(self, partition: TopicPartition, stored: int | None, first: int, head: int) -> int:
        if stored is None:
            self._store.claim(partition.partition, first)
            return self._store.offsets()[partition.partition]
        if first <= stored <= head:
            return stored
        if stored < first:
            logger.error("{} records of {} left the topic before they were stored", first - stored, partition)
            self._metrics.skipped.inc(first - stored)
        else:
            logger.warning(
                "{} ends at {}, before the stored offset {}: the topic is a new one", partition, head, stored
            )
        self._store.move(partition.partition, Span(stored, first))
        return first

    def _own(self, assigned: set[TopicPartition]) -> None:
        for partition in self._owned - assigned:
            self._next.pop(partition, None)
            self._metrics.forget(partition.topic, partition.partition)
        self._owned = assigned
        self._metrics.assigned.set(len(assigned))

"""Kafka as the witness: how many records a topic really has, and how far a group has come."""

from collections.abc import Callable, Mapping
from time import monotonic, sleep
from typing import Final

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec

from contract.topics import Topic

_STILL_SECONDS: Final = 0.4
_PAUSE_SECONDS: Final = 0.02

Offsets = Mapping[TopicPartition, int]


class Broker:
    """All methods block for as long as Kafka takes to answer."""

    def __init__(self, bootstrap: str) -> None:
        self._admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","))

    def create(self, topics: tuple[Topic, ...]) -> None:
        wanted = {topic.name: {"num_partitions": topic.partitions, "configs": topic.config} for topic in topics}
        self._admin.create_topics(wanted, wait_for_metadata=True)

    def end(self, topic: Topic) -> int:
        """The sum of the partitions' end offsets."""
        return sum(self._offsets(topic, OffsetSpec.LATEST).values())

    def held(self, topic: Topic) -> int:
        """How many records can be read."""
        return self.end(topic) - sum(self._offsets(topic, OffsetSpec.EARLIEST).values())

    def cut(self, topic: Topic, keep: int) -> Offsets:
        """Drop all but the last ``keep`` records; returns where each partition begins now."""
        ends, held = self._offsets(topic, OffsetSpec.LATEST), self._offsets(topic, OffsetSpec.EARLIEST)
        begins = {tp: max(end - keep // len(ends), held[tp]) for tp, end in ends.items()}
        self._admin.delete_records(begins)
        return begins

    def passed(self, group: str, begins: Offsets) -> int:
        """How many records from there on the group has committed."""
        commits = self._admin.list_group_offsets({group: None})[group]
        return sum(max(commits[tp].offset - begin, 0) for tp, begin in begins.items() if tp in commits)

    def _offsets(self, topic: Topic, which: OffsetSpec) -> Offsets:
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        answer = self._admin.list_partition_offsets(dict.fromkeys(partitions, which))
        return {tp: answer[tp].offset for tp in partitions}

    def close(self) -> None:
        self._admin.close()


def settled(count: Callable[[], int]) -> tuple[int, float]:
    """Wait until a count stands still; returns it, and when (``monotonic``) it last moved."""
    last, moved = count(), monotonic()
    while monotonic() - moved < _STILL_SECONDS:
        sleep(_PAUSE_SECONDS)
        if (now := count()) != last:
            last, moved = now, monotonic()
    return last, moved

"""What really is in a topic, read with a client that knows nothing of ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaConsumer, TopicPartition

Ends = dict[TopicPartition, int]


class TopicReader:
    """All partitions of a topic, without a group."""

    def __init__(self, consumer: KafkaConsumer, topic: str) -> None:
        self._consumer = consumer
        self._partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
        consumer.assign(self._partitions)

    def ends(self) -> Ends:
        """The offset behind each partition's last record."""
        ends: Ends = self._consumer.end_offsets(self._partitions)
        return ends

    def record(self, partition: int, offset: int) -> Any:
        """The record at a place."""
        (place,) = (tp for tp in self._partitions if tp.partition == partition)
        (record,) = self._read({place: offset}, {place: offset + 1})
        return record

    def since(self, begin: Ends) -> list[Any]:
        """Every record from there to the present end."""
        return list(self._read(begin, self.ends()))

    def _read(self, begin: Ends, end: Ends) -> Iterator[Any]:
        left = {partition for partition in begin if begin[partition] < end[partition]}
        self._consumer.pause(*self._partitions)
        self._consumer.resume(*left)
        for partition in left:
            self._consumer.seek(partition, begin[partition])
        while left:
            for partition, records in self._consumer.poll(timeout_ms=1000).items():
                yield from (record for record in records if record.offset < end[partition])
            left = {partition for partition in left if self._consumer.position(partition) < end[partition]}


@contextmanager
def reading(bootstrap: str, topic: str) -> Iterator[TopicReader]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, max_partition_fetch_bytes=4 * 2**20)
    try:
        yield TopicReader(consumer, topic)
    finally:
        consumer.close(autocommit=False)

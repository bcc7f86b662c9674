"""Finds the record that Kafka's client cannot unpack; the client itself does not tell which it is.

A record can be well-formed for the broker and still be more than kafka-python reads: a header's name that is no UTF-8,
a compression that is not installed. Its poll raises, and would spin for ever if it were asked again at that place.
"""

from collections.abc import Callable, Mapping
from typing import Final

from kafka import KafkaConsumer
from kafka import errors as kafka_errors
from kafka.structs import TopicPartition

from worker.batch import DeadRecord
from worker.metrics import Parked
from worker.unpacking import Record

UNREADABLE: Final = (kafka_errors.CorruptRecordError, kafka_errors.UnsupportedCodecError)
"""What a poll raises for such a record."""

_ANSWER_MS = 5_000
_NO_TIMESTAMP = -1  # as Kafka spells it


class Probe:
    """Reads with a client of its own, outside the group: ``connect`` makes one that fetches a record at a time."""

    def __init__(self, connect: Callable[[], KafkaConsumer]) -> None:
        self._connect = connect

    def first(self, positions: Mapping[TopicPartition, int]) -> DeadRecord | None:
        """The first of the records at these places that cannot be unpacked.

        May block for seconds. Raises KafkaError.
        """
        consumer = self._connect()
        try:
            ends = consumer.end_offsets(positions.keys(), timeout_ms=_ANSWER_MS)
            places = ((partition, offset) for partition, offset in positions.items() if offset < ends[partition])
            return next((dead for place in places if (dead := _look(consumer, *place))), None)
        finally:
            consumer.close(autocommit=False, timeout_ms=_ANSWER_MS)


def _look(consumer: KafkaConsumer, partition: TopicPartition, offset: int) -> DeadRecord | None:
    consumer.assign([partition])
    consumer.seek(partition, offset)
    try:
        consumer.poll(timeout_ms=_ANSWER_MS)
    except UNREADABLE as error:
        return DeadRecord(_stand_in(partition, offset), Parked.UNREADABLE, str(error))
    return None


def _stand_in(partition: TopicPartition, offset: int) -> Record:
    """For a record nobody could read."""
    return Record(partition.topic, partition.partition, offset, _NO_TIMESTAMP, None, None, ())

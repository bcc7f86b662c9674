"""Batches for kafka-python's accumulator that cost a fraction of its own.

kafka-python 3.0.12 writes a record byte by byte, and makes a future of it that calls back alone. Here a record is one
join of bytes, and a batch tells of all its records at once. Everything else stays the library's: when a batch leaves,
its sequence numbers, its retries, and its splitting when the broker calls it too large.

The format is that of a record batch of version 2: https://kafka.apache.org/documentation/#record
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.structs import TopicPartition

from api.publisher.flight import Sent


class Aboard(msgspec.Struct, eq=False, gc=False):
    """A record in a batch: which of those that were sent together it is, and its ``offset`` within the batch."""

    tell: "Tell"
    sent: Sent
    place: int
    offset: int

    def rebind(self, produced: Any, offset: int) -> None:
        """Called by kafka-python for each record of a batch that is split, with the future of the record's new one."""
        self.offset = offset
        produced.add_callback(partial(self._told, produced.topic_partition.partition))

    def _told(self, partition: int, answer: tuple[int, int, "ErrorOf | None"]) -> None:
        base_offset, _, error_of = answer
        self.tell([self], partition, base_offset, error_of)


ErrorOf = Callable[[int], Exception]
"""Why the record at an offset within its batch was not taken."""

Tell = Callable[[Sequence[Aboard], int, int, ErrorOf | None], None]
"""Called on the sender's thread with records, their partition, the base offset of their batch, and what went wrong."""


class RecordBatch(ProducerBatch):  # type: ignore[misc]  # it ships no types
    """Holds at least one record, and then as many as fit into ``most`` bytes."""

    def __init__(self, partition: TopicPartition, most: int, tell: Tell) -> None:
        super().__init__(partition, MemoryRecordsBuilder(_VERSION, _UNCOMPRESSED, most))
        self.records._builder._first_timestamp = self.records._builder._max_timestamp = int(self.created * 1000)
        self._most, self._tell = most, tell

    def add(self, sent: Sent, places: Sequence[int]) -> int:
        """How many of the first of these records there was room for. Must hold the partition's lock."""
        records, builder = self.records, self.records._builder
        if records._closed:  # it has left once, and waits to be sent again
            return 0
        first = offset = records._next_offset
        buffer, room, pairs, headers = builder._buffer, self._most - len(builder._buffer), None, b""
        for place in places:
            record = sent.records[place]
            if record.headers is not pairs:  # those of one request have the same
                pairs, headers = record.headers, pack_headers(record.headers)
            key, value = record.key, record.value
            body = b"".join((_NO_DELTA, _VARINT[offset], _VARINT[len(key)], key, _VARINT[len(value)], value, headers))
            length = _VARINT[len(body)]
            room -= len(length) + len(body)
            if offset and room < 0:
                break
            buffer += length
            buffer += body
            self._record_futures.append(Aboard(self._tell, sent, place, offset))
            offset += 1
        builder._last_offset, builder._num_records, records._next_offset = offset - 1, offset, offset
        return int(offset - first)

    def _complete_future(self, base_offset: int, timestamp_ms: int, record_exceptions_fn: ErrorOf | None) -> None:
        super()._complete_future(base_offset, timestamp_ms, record_exceptions_fn)
        self._tell(self._record_futures, self.topic_partition.partition, base_offset, record_exceptions_fn)


def put(accumulator: Any, partition: TopicPartition, tell: Tell, sent: Sent, places: Sequence[int]) -> bool:
    """Append records to the partition's last batch and to new ones; whether the sender should look.

    On the event loop alone, and never to the accumulator of a producer that was given up.
    """
    with accumulator._tp_lock(partition):
        batches = accumulator._batches[partition]
        last = batches[-1] if batches else None
        taken = last.add(sent, places) if isinstance(last, RecordBatch) else 0
        while taken < len(places):
            batch = RecordBatch(partition, accumulator.config["batch_size"], tell)
            taken += batch.add(sent, places[taken:])
            batches.append(batch)
            accumulator._incomplete.add(batch)
        return len(batches) > 1 or batches[-1] is not last


def pack_headers(headers: Sequence[tuple[str, bytes]]) -> bytes:
    """A record's headers, with their count before them."""
    parts = [_VARINT[len(headers)]]
    for name, value in headers:
        text = name.encode()
        parts += (_VARINT[len(text)], text, _VARINT[len(value)], value)
    return b"".join(parts)


def varint(number: int) -> bytes:
    """A natural number in zigzag and groups of seven bits, the lowest first."""
    number <<= 1  # zigzag, of what is not negative
    groups = bytearray()
    while number > 0x7F:
        groups.append(0x80 | number & 0x7F)
        number >>= 7
    groups.append(number)
    return bytes(groups)


class _Varints(dict[int, bytes]):
    """Those of the numbers that come often; others are made anew."""

    def __missing__(self, number: int) -> bytes:
        return varint(number)


_VERSION: Final = 2
_UNCOMPRESSED: Final = 0
_NO_DELTA: Final = b"\x00\x00"  # no attributes, and the batch's own time: the topic's records bear the broker's
_VARINT: Final = _Varints({number: varint(number) for number in range(4096)})

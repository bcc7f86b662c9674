"""Fetched bytes to records: what kafka-python took a third of a worker's time for, in a quarter of that.

Its fetcher makes three objects and a dozen calls of every field of a record, most of which nobody here looks at.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import msgspec
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.structs import TopicPartition

Headers = tuple[tuple[str, bytes | None], ...]

_FORMAT: Final = 2  # of record batches: brokers of today store and send no other
_LOW: Final = 127  # the bits of a byte that are the number's; the other one tells that more follow
_SHIFTS: Final = tuple(range(7, 64, 7))


class Record(msgspec.Struct, gc=False):
    """A record as Kafka holds it; ``timestamp`` in Unix milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Unpacking(Fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of one partition in one answer."""

    def _unpack_records(self, tp: TopicPartition, records: Any, *_: object) -> Iterator[Record]:
        for batch in records:
            if batch.magic != _FORMAT or not batch.validate_crc():
                raise CorruptRecordError(f"the batch at {batch.base_offset} of {tp} is damaged, or of an old format")
            self.leader_epoch = batch.leader_epoch
            self.bytes_read += batch.size_in_bytes
            if not batch.is_control_batch:
                for record in unpack(tp, batch):
                    self.next_fetch_offset = record.offset + 1
                    yield record
            self.next_fetch_offset = batch.next_offset  # its last records may be gone from a compacted topic
        self.drain()


def unpack(tp: TopicPartition, batch: Any) -> Iterator[Record]:
    """The records of a batch of kafka-python's. Raises CorruptRecordError, and UnsupportedCodecError.

    https://kafka.apache.org/documentation/#record
    """
    iter(batch)  # unpacks what was compressed
    data, position, base, first = bytes(batch._buffer), batch._pos, batch.base_offset, batch.first_timestamp
    appended = batch.max_timestamp if batch.timestamp_type else None
    try:
        for _ in range(batch.records_count):
            # Five times without a call, because a call costs more than what it does.
            length, width = _SHORT[data[position] | data[position + 1] << 8] or _long(data, position)
            end = _within(data, position + width + length)
            position += width + 1  # behind the attributes, which say nothing
            since_first, width = _SHORT[data[position] | data[position + 1] << 8] or _long(data, position)
            position += width
            delta, width = _SHORT[data[position] | data[position + 1] << 8] or _long(data, position)
            position += width
            length, width = _SHORT[data[position] | data[position + 1] << 8] or _long(data, position)
            position += width
            key = None if length < 0 else data[position : position + length]
            position += max(length, 0)
            length, width = _SHORT[data[position] | data[position + 1] << 8] or _long(data, position)
            position += width
            value = None if length < 0 else data[position : position + length]
            headers, position = _headers(data[position + max(length, 0) : end]), end
            timestamp = first + since_first if appended is None else appended
            yield Record(tp.topic, tp.partition, base + delta, timestamp, key, value, headers)
        _ended(data, position)
    except (ValueError, IndexError) as error:
        raise CorruptRecordError(f"a record of {tp} cannot be unpacked: {error!r}") from error


@lru_cache(maxsize=16)  # not more: headers may be large
def _headers(data: bytes) -> Headers:
    """Records that were sent by one request have the same."""
    count, position = _varint(data, 0)
    if count < 0:
        raise ValueError(f"{count} headers")
    headers = []
    for _ in range(count):
        name, position = _bytes(data, position)
        value, position = _bytes(data, position)
        if name is None:
            raise ValueError("a header has no name")
        headers.append((name.decode(), value))
    _ended(data, position)
    return tuple(headers)


def _bytes(data: bytes, position: int) -> tuple[bytes | None, int]:
    """What has its length before it, and where the next field begins."""
    length, position = _varint(data, position)
    if length < 0:
        return None, position
    end = position + length
    return data[position:end], end


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A number in zigzag encoding, and where the next field begins."""
    number = data[position]
    if number > _LOW:
        number &= _LOW
        for shift in _SHIFTS:
            position += 1
            more = data[position]
            number |= (more & _LOW) << shift
            if more <= _LOW:
                break
        else:
            raise ValueError("a number of more than 64 bits")
    return (number >> 1) ^ -(number & 1), position + 1


def _long(data: bytes, position: int) -> tuple[int, int]:
    """A number in zigzag encoding, and how many bytes it takes."""
    number, end = _varint(data, position)
    return number, end - position


class _Short(dict[int, tuple[int, int] | None]):
    """By the next two bytes: the number that begins there and how many bytes it takes; None when it takes more.

    There are 65,536 of them at most.
    """

    def __missing__(self, pair: int) -> tuple[int, int] | None:
        number = pair.to_bytes(2, "little")
        self[pair] = known = None if min(number) > _LOW else _long(number, 0)
        return known


def _within(data: bytes, end: int) -> int:
    if end > len(data):
        raise ValueError("the last record is cut off")
    return end


def _ended(data: bytes, position: int) -> None:
    if position != len(data):
        raise ValueError(f"{len(data)} bytes where {position} are told of")


_SHORT: Final = _Short()

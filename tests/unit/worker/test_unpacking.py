"""Unpacking compared with kafka-python's own: the same records, and the same refusals at the same place."""

from itertools import accumulate
from struct import pack_into, unpack_from
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder
from kafka.record.util import calc_crc32c
from kafka.structs import TopicPartition

from worker.unpacking import Unpacking

PLACE = TopicPartition("events", 3)
NOW = 1_767_261_600_750
PLAIN, GZIP = 0, 1
CREATE_TIME, LOG_APPEND_TIME, CONTROL = 0, 8, 32
# Where a batch has what, see https://kafka.apache.org/documentation/#recordbatch
LENGTH, MAGIC, CRC, ATTRIBUTES, LAST_OFFSET_DELTA, BODY = 8, 16, 17, 21, 23, 61

maybe = some.none() | some.binary(max_size=300)
headers = some.lists(some.tuples(some.text(max_size=100), maybe), max_size=4)
records = some.tuples(some.integers(-(2**40), 2**40), maybe, maybe, headers)
batches = some.lists(records, min_size=1, max_size=80)


def packed(batch: list[Any], base: int = 0, codec: int = PLAIN, attributes: int = 0) -> bytearray:
    """A batch as a broker keeps it."""
    builder = MemoryRecordsBuilder(2, codec, 2**20)
    for since, key, value, told in batch:
        builder.append(NOW + since, key, value, told)
    builder.close()
    data = bytearray(builder.buffer())
    pack_into(">q", data, 0, base)
    pack_into(">h", data, ATTRIBUTES, unpack_from(">h", data, ATTRIBUTES)[0] | attributes)
    return sealed(data)


def sealed(data: bytearray) -> bytearray:
    """With the length and the checksum that belong to it."""
    pack_into(">i", data, LENGTH, len(data) - LENGTH - 4)
    pack_into(">I", data, CRC, calc_crc32c(memoryview(data)[ATTRIBUTES:]))
    return data


def holding(body: bytes) -> bytearray:
    """A batch of two records, the second of which has these bytes instead of its own."""
    first = bytes(packed([(0, b"k", b"v", [])])[BODY:])
    return sealed(packed([(0, b"k", b"v", [])] * 2)[:BODY] + first + body)


def taken(kind: Any, data: bytes, first: int = 0) -> tuple[list[Any], bool, int]:
    """The records, whether they end with a refusal, and where the next fetch would begin."""
    unpacking = kind(first, PLACE, MemoryRecords(data))
    fields: list[Any] = []
    try:
        while unpacking:
            for r in unpacking.take(7):
                fields.append((r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers)))
    except CorruptRecordError:
        return fields, True, unpacking.next_fetch_offset
    return fields, False, unpacking.next_fetch_offset


@given(
    some.lists(batches, min_size=1, max_size=3),
    some.sampled_from([PLAIN, GZIP]),
    some.sampled_from([CREATE_TIME, LOG_APPEND_TIME]),
)
def test_records_are_what_kafka_python_reads(several: list[Any], codec: int, clock: int) -> None:
    bases = accumulate(map(len, several), initial=0)
    data = b"".join(packed(batch, base, codec, clock) for batch, base in zip(several, bases, strict=False))
    ours = taken(Unpacking, data)
    assert len(ours[0]) == sum(map(len, several))
    assert ours == taken(Fetcher.PartitionRecords, data)


@given(batches, some.integers(0, 90))
def test_a_fetch_may_begin_within_a_batch(batch: list[Any], first: int) -> None:
    data = bytes(packed(batch))
    ours = taken(Unpacking, data, first)
    assert len(ours[0]) == max(len(batch) - first, 0)
    assert ours == taken(Fetcher.PartitionRecords, data, first)


@given(batches, some.data())
def test_what_kafka_python_reads_of_a_damaged_batch_is_read(batch: list[Any], draw: some.DataObject) -> None:
    data = packed(batch)
    data[draw.draw(some.integers(BODY, len(data) - 1))] = draw.draw(some.integers(0, 255))
    theirs, ours = taken(Fetcher.PartitionRecords, sealed(data))[0], taken(Unpacking, data)[0]
    assert ours[: len(theirs)] == theirs


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x10\x00\x00\x02\x02k\x02v",  # cut off before the headers
        b"\x12\x00\x00\x02\x02k\x02v\x00\x00",  # a byte behind the record
        b"\x14\x00\x00\x02\x02k\x02v\x00\x00",  # a byte too many within
        b"\x40\x00\x00\x02\x02k\x02v\x00",  # a length beyond the end
        b"\x12\x00\x00\x02\x02k\x02v\x01",  # -1 headers
        b"\x16\x00\x00\x02\x02k\x02v\x02\x01\x00",  # a header without a name
        b"\x18\x00\x00\x02\x02k\x02v\x02\x02\xff\x00",  # a name that is no UTF-8
        b"\x80" * 20,  # a number without an end
        b"\x26\x00\x00\x02\x02k" + b"\x80" * 10 + b"\x01v\x00",  # more than 64 bits
    ],
)
def test_a_damaged_record_is_refused_and_those_before_it_are_not(body: bytes) -> None:
    data = holding(body)
    read, refused, following = taken(Unpacking, data)
    assert refused
    assert len(read) == following > 0
    assert (read, refused, following) == taken(Fetcher.PartitionRecords, data)


@pytest.mark.parametrize("at", [MAGIC, BODY + 3])
def test_a_batch_with_a_wrong_checksum_or_of_an_old_format_is_refused(at: int) -> None:
    data = packed([(0, b"k", b"v", [])])
    data[at] ^= 3
    assert taken(Unpacking, data) == ([], True, 0)


def test_a_control_batch_is_passed_over() -> None:
    data = packed([(0, b"\x00\x00\x00\x01", b"\x00" * 6, [])], attributes=CONTROL) + packed(
        [(0, None, b"v", [])], base=1
    )
    ours = taken(Unpacking, data)
    assert [fields[2] for fields in ours[0]] == [1]
    assert ours == taken(Fetcher.PartitionRecords, data)


def test_the_next_fetch_begins_behind_what_was_compacted_away() -> None:
    data = packed([(0, None, b"v", [])])
    pack_into(">i", data, LAST_OFFSET_DELTA, 9)
    ours = taken(Unpacking, sealed(data))
    assert ours[2] == 10
    assert ours == taken(Fetcher.PartitionRecords, data)

"""Record batches as the broker reads them: held against what kafka-python makes of the same records, and of ours."""

from collections import deque
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import errors as kafka_errors
from kafka.producer.record_accumulator import RecordAccumulator
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords
from kafka.structs import TopicPartition

from api.publisher.flight import Sent
from api.publisher.record_batch import Aboard, ErrorOf, RecordBatch, put, varint
from api.record import Record

PARTITION = TopicPartition("events", 3)
Headers = list[tuple[str, bytes]]
HEADERS = [("schema_version", b"1"), ("request_id", b"a-1")]

a_record = st.tuples(
    st.binary(max_size=40),
    st.binary(max_size=300) | st.binary(min_size=5_000, max_size=9_000),
    st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=200)), max_size=3),
)


class Told:
    """What batches have told: the place of each record, its offset, and why it was not taken."""

    def __init__(self) -> None:
        self.partitions: set[int] = set()
        self.outcomes: list[tuple[int, int | str]] = []

    def __call__(self, records: Sequence[Aboard], partition: int, base_offset: int, error_of: ErrorOf | None) -> None:
        self.partitions.add(partition)
        for it in records:
            self.outcomes.append((it.place, str(error_of(it.offset)) if error_of else base_offset + it.offset))


@pytest.fixture
def told() -> Told:
    return Told()


def sent(*records: tuple[bytes, bytes, Headers]) -> Sent:
    return Sent(
        [Record("event", key, value, headers) for key, value, headers in records], 0, lambda _: None, 0.0, deque()
    )


def alike(count: int) -> Sent:
    return sent(*[(b"k", b"v", HEADERS)] * count)


def read(batch: RecordBatch) -> list[tuple[bytes, bytes, Headers]]:
    batch.records.close()
    (read,) = MemoryRecords(batch.records.buffer())
    assert read.validate_crc()
    return [(record.key, record.value, record.headers) for record in read]


@given(st.lists(a_record, min_size=1, max_size=20))
def test_what_goes_in_is_what_a_consumer_gets(records: list[tuple[bytes, bytes, Headers]]) -> None:
    batch = RecordBatch(PARTITION, 10**6, Told())
    assert batch.add(sent(*records), range(len(records))) == len(records)
    assert batch.record_count == len(records)
    assert read(batch) == records


def test_the_bytes_are_those_that_kafka_python_writes(told: Told) -> None:
    batch = RecordBatch(PARTITION, 10**6, told)
    moment = batch.records._builder._first_timestamp
    theirs = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 10**6)
    records = [(b"key", b"v" * offset, HEADERS) for offset in range(300)]
    for offset, record in enumerate(records):
        theirs.append(offset, moment, *record)
    batch.add(sent(*records), range(200))
    batch.add(sent(*records), range(200, 300))
    batch.records.close()
    assert bytes(batch.records.buffer()) == bytes(theirs.build())


@pytest.mark.parametrize("number", [0, 1, 63, 64, 4095, 4096, 8191, 8192, 10**6, 2**28, 2**35])
def test_a_varint_is_what_kafka_python_writes(number: int) -> None:
    from kafka.record.util import encode_varint

    theirs = bytearray()
    encode_varint(number, theirs.append)
    assert varint(number) == bytes(theirs)


def test_a_full_batch_takes_no_more_and_a_lone_record_always_fits(told: Told) -> None:
    batch = RecordBatch(PARTITION, 1_000, told)
    assert batch.add(sent((b"k", b"v" * 5_000, [])), [0]) == 1
    assert batch.add(alike(1), [0]) == 0
    assert len(read(batch)) == 1


def test_of_many_the_first_ones_are_taken_and_the_rest_begins_another_batch(told: Told) -> None:
    accumulator = RecordAccumulator(batch_size=1_000)
    assert put(accumulator, PARTITION, told, alike(100), range(100))
    batches = accumulator._batches[PARTITION]
    for base, batch in enumerate(batches):
        batch.complete(1_000 * base, -1)
    assert [place for place, _ in told.outcomes] == list(range(100))
    assert len(batches) > 2
    assert sum(len(read(batch)) for batch in batches) == 100
    assert all(len(batch.records.buffer()) <= 1_000 for batch in batches)


def test_an_answer_tells_each_record_its_offset(told: Told) -> None:
    batch = RecordBatch(PARTITION, 1_000, told)
    batch.add(alike(8), [7, 4])
    batch.complete(100, -1)
    assert told.outcomes == [(7, 100), (4, 101)]
    assert told.partitions == {3}


def test_a_failure_tells_each_record_why(told: Told) -> None:
    batch = RecordBatch(PARTITION, 1_000, told)
    batch.add(alike(8), [7, 4])
    error = kafka_errors.InvalidRecordError("no")
    batch.complete_exceptionally(error, lambda offset: RuntimeError(f"record {offset}"))
    assert told.outcomes == [(7, "record 0"), (4, "record 1")]


def test_a_batch_that_is_sent_again_takes_no_more(told: Told) -> None:
    accumulator = RecordAccumulator(batch_size=1_000)
    records = sent((b"k", b"first", []), (b"k", b"second", []), (b"k", b"third", []))
    assert put(accumulator, PARTITION, told, records, [0])
    assert not put(accumulator, PARTITION, told, records, [1])
    failed = accumulator._batches[PARTITION].popleft()
    failed.records.close()
    accumulator.reenqueue(failed)
    assert put(accumulator, PARTITION, told, records, [2])
    assert [read(batch) for batch in accumulator._batches[PARTITION]] == [
        [(b"k", b"first", []), (b"k", b"second", [])],
        [(b"k", b"third", [])],
    ]


def test_the_halves_of_a_batch_that_was_too_large_tell_their_own_records(told: Told) -> None:
    accumulator = RecordAccumulator(batch_size=10_000)
    records = sent(*((b"k", b"%d" % place, HEADERS) for place in range(5)), (b"k", b"behind", []))
    put(accumulator, PARTITION, told, records, range(5))
    whole = accumulator._batches[PARTITION].popleft()
    whole.records.close()
    accumulator.split_and_reenqueue(whole)
    put(accumulator, PARTITION, told, records, [5])
    first, second, behind = accumulator._batches[PARTITION]
    assert [key_value[:2] for key_value in read(behind)] == [(b"k", b"behind")]
    second.records.close()
    accumulator._batches[PARTITION].remove(second)
    accumulator.split_and_reenqueue(second)
    third, fourth, *_ = accumulator._batches[PARTITION]
    first.complete(10, -1)
    third.complete(50, -1)
    fourth.complete_exceptionally(kafka_errors.InvalidRecordError("no"), lambda _: RuntimeError("refused"))
    assert told.outcomes == [(0, 10), (1, 11), (2, 12), (3, 50), (4, "refused")]

"""Records straight in the topic that no gateway of ours wrote: parked with their reason, and nothing stops for them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from kafka import KafkaProducer

from contract.codec import encode, parse
from contract.topics import EVENTS
from stack.ports import HOST
from stack.stack import Stack
from tests.integration.gateway import Client, event
from tests.integration.rows import Rows
from tests.integration.series import Series
from tests.integration.topic import TopicReader
from tests.waiting import until
from worker.metrics import Parked

PARTITION = 2
VERSION = ("schema_version", b"1")


class Foreign(NamedTuple):
    """A producer that knows nothing of the contract."""

    producer: KafkaProducer

    def write(self, value: bytes | None, key: bytes | None = b"k", headers: Any = (VERSION,)) -> int:
        """The offset in partition 2."""
        sent = self.producer.send(EVENTS.name, value, key=key, headers=list(headers), partition=PARTITION)
        return int(sent.get(timeout=10).offset)


class _RawName(str):
    """A header's name in bytes that are no UTF-8: other languages' clients can send such a thing."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:
        return b"\xff\xfe"


@pytest.fixture(scope="module")
def foreign(stack: Stack) -> Iterator[Foreign]:
    producer = KafkaProducer(bootstrap_servers=stack.kafka_bootstrap, max_request_size=8 * 2**20, acks="all")
    yield Foreign(producer)
    producer.close(timeout=10)


@pytest.fixture(scope="module")
def packing(stack: Stack) -> Iterator[Foreign]:
    producer = KafkaProducer(
        bootstrap_servers=stack.kafka_bootstrap, max_request_size=8 * 2**20, compression_type="gzip"
    )
    yield Foreign(producer)
    producer.close(timeout=10)


def good_value() -> tuple[str, bytes]:
    sent = event()
    body = parse(f'{{"event_type":"a","user_id":"u","event_id":"{sent["event_id"]}"}}')
    return sent["event_id"], encode(body, sent["event_id"], "2026-01-01T10:00:00.000000Z")


@pytest.fixture
def worker_url(stack: Stack) -> str:
    return f"http://{HOST}:{stack.ports.worker_metrics[0]}/metrics"


def lag(worker_url: str) -> float:
    return Series(worker_url).sum("pipeline_consumer_lag_records")


def parked_at(dead_letters: TopicReader, begin: Any, offset: int) -> Any:
    """The dead letter of the record at an offset, once it is there."""

    def look() -> Any:
        for record in dead_letters.since(begin):
            headers = dict(record.headers)
            if (headers["origin_partition"], headers["origin_offset"]) == (b"%d" % PARTITION, b"%d" % offset):
                return record
        return None

    return until(look, within=30)


VALID = good_value()[1]
POISON: dict[str, tuple[bytes | None, Any, Parked]] = {
    "not json": (b"not json", (VERSION,), Parked.MALFORMED),
    "invalid utf-8": (b"\xff", (VERSION,), Parked.MALFORMED),
    "empty": (b"", (VERSION,), Parked.EMPTY),
    "null": (None, (VERSION,), Parked.EMPTY),
    "900 kB of garbage": (bytes(range(256)) * 3600, (VERSION,), Parked.MALFORMED),
    "depth 100,000": (b"[" * 100_000, (VERSION,), Parked.MALFORMED),
    "another schema": (b'{"temperature":21.5}', (VERSION,), Parked.INVALID),
    "a number": (b"17", (VERSION,), Parked.INVALID),
    "an event without id": (b'{"event_type":"a","user_id":"u"}', (VERSION,), Parked.INVALID),
    "NaN": (VALID.replace(b'"properties":{}', b'"properties":{"a":NaN}'), (VERSION,), Parked.INVALID),
    "1e400": (VALID.replace(b'"properties":{}', b'"properties":{"a":1e400}'), (VERSION,), Parked.INVALID),
    "nul": (VALID.replace(b'"properties":{}', b'"properties":{"a":"\\u0000"}'), (VERSION,), Parked.INVALID),
    "unknown version": (VALID, (("schema_version", b"2"),), Parked.VERSION),
    "odd headers": (b"", (VERSION, ("", b""), ("é" * 100, b"\xff\x00")), Parked.EMPTY),
}


@pytest.mark.parametrize(("value", "headers", "reason"), POISON.values(), ids=POISON)
def test_poison_is_parked_with_its_reason_and_origin_and_the_next_event_is_stored(
    foreign: Foreign,
    dead_letters: TopicReader,
    rows: Rows,
    worker_url: str,
    value: bytes | None,
    headers: Any,
    reason: Parked,
) -> None:
    begin, before = dead_letters.ends(), Series(worker_url)
    offset = foreign.write(value, headers=headers)
    event_id, good = good_value()
    foreign.write(good)
    until(lambda: rows.one(event_id), within=10)
    letter = parked_at(dead_letters, begin, offset)
    assert letter.key == b"k"
    assert letter.value == (value or b"")
    found = dict(letter.headers)
    assert found["dead_letter_reason"] == reason.encode()
    assert found["dead_letter_detail"]
    assert found["dead_letter_group"] == b"event-workers"
    assert (found["origin_topic"], found["origin_value"]) == (b"events", b"null" if value is None else b"bytes")
    assert letter.headers[: len(headers)] == list(headers)
    until(lambda: lag(worker_url) == 0, within=10)
    counted = "pipeline_consumer_dead_letters_total"
    assert Series(worker_url).value(counted, reason=reason) == before.value(counted, reason=reason) + 1


def test_good_events_with_odd_headers_are_stored(foreign: Foreign, rows: Rows) -> None:
    for headers in (
        (),
        (VERSION, ("request_id", b"\x00\xff"), ("traceparent", b""), ("", b"")),
        (VERSION, ("request_id", b"a" * 100_000)),
        (("schema_version", b"9"), VERSION),
    ):
        event_id, good = good_value()
        foreign.write(good, key=None, headers=headers)
        until(lambda event_id=event_id: rows.one(event_id), within=10)


def test_a_record_larger_than_any_topic_takes_is_parked_without_its_value(
    packing: Foreign, dead_letters: TopicReader, rows: Rows
) -> None:
    begin = dead_letters.ends()
    offset = packing.write(b"x" * 5_000_000)
    event_id, good = good_value()
    packing.write(good)
    until(lambda: rows.one(event_id), within=20)
    letter = parked_at(dead_letters, begin, offset)
    assert dict(letter.headers)["origin_value"] == b"left out"
    assert letter.value == b""


def test_poison_without_key_and_value_is_parked(foreign: Foreign, dead_letters: TopicReader, rows: Rows) -> None:
    begin = dead_letters.ends()
    offset = foreign.write(b"", key=None, headers=())
    letter = parked_at(dead_letters, begin, offset)
    assert (letter.key, letter.value) == (None, b"")


def test_a_record_the_client_cannot_even_unpack_is_told_and_passed_over(
    foreign: Foreign, dead_letters: TopicReader, rows: Rows, worker_url: str
) -> None:
    begin = dead_letters.ends()
    offset = foreign.write(b"{}", headers=((_RawName("odd"), b""),))
    event_id, good = good_value()
    foreign.write(good)
    until(lambda: rows.one(event_id), within=20)
    found = dict(parked_at(dead_letters, begin, offset).headers)
    assert found["dead_letter_reason"] == Parked.UNREADABLE.encode()
    assert found["origin_value"] == b"left out"
    assert b"UnicodeDecodeError" in found["dead_letter_detail"]
    until(lambda: lag(worker_url) == 0, within=10)


def test_what_shares_a_batch_with_it_is_stored_before_it_and_told_behind_it(
    stack: Stack, dead_letters: TopicReader, rows: Rows, worker_url: str
) -> None:
    begin = dead_letters.ends()
    gathering = KafkaProducer(bootstrap_servers=stack.kafka_bootstrap, linger_ms=1_000, batch_size=100_000)
    (before, first), (behind, third), (after, last) = good_value(), good_value(), good_value()
    sent = [
        gathering.send(EVENTS.name, value, headers=headers, partition=PARTITION)
        for value, headers in ((first, [VERSION]), (b"{}", [(_RawName("odd"), b"")]), (third, [VERSION]))
    ]
    gathering.flush()
    gathering.send(EVENTS.name, last, headers=[VERSION], partition=PARTITION)
    gathering.close(timeout=10)
    until(lambda: rows.one(after), within=20)
    assert rows.one(before) is not None
    assert rows.one(behind) is None
    for future in sent[1:]:
        letter = parked_at(dead_letters, begin, future.get().offset)
        assert dict(letter.headers)["dead_letter_reason"] == Parked.UNREADABLE.encode()
    until(lambda: lag(worker_url) == 0, within=10)


def test_the_worker_has_lived_through_all_of_this(stack: Stack, gateway: Client, rows: Rows, worker_url: str) -> None:
    assert stack.running("worker")
    assert Series(worker_url).value("pipeline_consumer_halted") == 0
    sent = event()
    gateway.register(sent)
    until(lambda: rows.one(sent["event_id"]), within=10)
    until(lambda: lag(worker_url) == 0, within=10)

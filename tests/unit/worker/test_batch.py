"""From a poll's records to events, and to dead letters with their reasons."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka.structs import TopicPartition

from contract.event import SCHEMA_VERSION
from tests.unit.worker.records import APPENDED_MS, EVENT_ID, HEADERS, batch_of, consumed, event_of, value
from worker.batch import Batch, Span
from worker.metrics import Parked

EXAMPLES = Path(__file__).parents[3] / "contract" / "examples"
VERSION = ("schema_version", SCHEMA_VERSION)


def reason(value: bytes | None, headers: Any = HEADERS) -> tuple[Parked, str]:
    batch = batch_of(consumed(value, headers))
    assert batch.events == []
    (dead,) = batch.dead
    return dead.reason, dead.detail


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.record.json")), ids=lambda path: path.name)
def test_every_example_of_the_contract_is_an_event(example: Path) -> None:
    assert event_of(example.read_bytes()).event.event_type


def test_an_event_keeps_its_record_its_request_and_the_brokers_time() -> None:
    event = event_of(value())
    assert str(event.event.event_id) == EVENT_ID
    assert event.record.offset == 17
    assert event.request_id == "request-1"
    appended_at = datetime.fromtimestamp(APPENDED_MS / 1000, UTC)
    assert event.row.split("\t")[7:] == ["events", "3", "17", appended_at.isoformat(), "request-1\n"]


@pytest.mark.parametrize(
    "garbage",
    [b"not json", b"\xff", b"{", b"\x00" * 100, b"{} {}", b"\xff" * 900_000, b"[" * 100_000, value()[:-1], b"\n"],
    ids=lambda garbage: repr(garbage[:12]),
)
def test_what_is_no_json_is_malformed(garbage: bytes) -> None:
    assert reason(garbage)[0] is Parked.MALFORMED


@pytest.mark.parametrize("nothing", [None, b""])
def test_a_record_without_a_value_is_empty(nothing: bytes | None) -> None:
    assert reason(nothing)[0] is Parked.EMPTY


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"{}", "event_id"),
        (b"[]", ""),
        (b"null", ""),
        (value('"sauce":"web",'), "sauce"),
        (value('"source":1,'), "source"),
        (value('"properties":{"a":{"b":[0,NaN]}},'), "properties/a/b/1"),
        (value('"properties":{"a":"\\u0000"},'), "properties/a"),
        (value(received_at="yesterday"), "received_at"),
    ],
)
def test_json_that_is_no_event_is_invalid_and_the_detail_names_the_place(body: bytes, place: str) -> None:
    kind, detail = reason(body)
    assert kind is Parked.INVALID
    assert detail.startswith(f"{place}: " if place else "Input")


@pytest.mark.parametrize("version", [b"2", b"", b"1.0", b"\xff", None])
def test_a_version_from_another_time_is_told_from_an_invalid_event(version: bytes | None) -> None:
    kind, detail = reason(value(), [("schema_version", version)])
    assert kind is Parked.VERSION
    assert repr(version) in detail


def test_without_a_version_the_value_decides() -> None:
    assert event_of(value(), []).request_id is None


def test_the_last_of_repeated_headers_counts() -> None:
    assert event_of(value(), [("schema_version", b"2"), VERSION]).event
    assert reason(value(), [VERSION, ("schema_version", b"2")])[0] is Parked.VERSION


@pytest.mark.parametrize("odd", [b"\x00", b"\xff\xfe", "é".encode(), b"a\nb", b"", None])
def test_a_request_id_postgresql_might_refuse_does_not_cost_the_event(odd: bytes | None) -> None:
    assert event_of(value(), [VERSION, ("request_id", odd)]).request_id is None


def test_headers_nobody_knows_change_nothing() -> None:
    assert (
        event_of(value(), [*HEADERS, ("", b""), ("é" * 1000, b"\xff" * 1000), ("null", None)]).request_id == "request-1"
    )


def test_a_span_covers_good_and_bad_and_what_lies_between() -> None:
    batch = Batch(0.0)
    records = [consumed(body, offset=offset) for offset, body in ((5, value()), (6, b""), (9, value()))]
    batch.add(TopicPartition("events", 3), 5, records)
    batch.add(TopicPartition("events", 4), 0, [consumed(value(), offset=2, partition=4)])
    assert batch.spans == {3: Span(5, 10), 4: Span(0, 3)}
    assert len(batch) == 4
    assert (len(batch.events), len(batch.dead)) == (3, 1)


def test_fates_are_in_the_order_of_partitions_and_offsets() -> None:
    batch = batch_of(consumed(value(), offset=17), consumed(b"no event", offset=18))
    places = [(event.record.partition, event.record.offset) for event in batch.events]
    assert batch.fates(()) == [False, False]
    assert batch.fates({record.place for record in batch.dead}) == [False, True]
    assert batch.fates(places) == [True, False]

"""The worker's way into PostgreSQL, in a database of its own: what COPY gets is what the table holds."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from json import dumps
from threading import Event as Stop
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from psycopg.rows import dict_row

from contract.codec import encode, parse
from stack.stack import Stack
from tests.unit.worker.records import APPENDED_MS, HEADERS, batch_of, consumed
from worker.batch import Batch, DeadRecord, Span
from worker.errors import DeadLettersUnavailable, Fenced
from worker.metrics import Parked
from worker.store import Store, Tally

RECEIVED_AT = "2026-01-01T10:00:00.500000Z"
PARTITION = 3


REFUSAL = "ALTER TABLE events ADD CHECK (properties ->> 'a' IS DISTINCT FROM 'unstorable')"


class Table:
    """A database that holds nothing but what a test stores."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.store = Store(url, "group", "events", Stop())
        self.store.claim(PARTITION, 0)
        with psycopg.connect(url) as connection:
            connection.execute(REFUSAL)
        self.parked: list[DeadRecord] = []

    def put(self, *values: bytes, headers: Any = HEADERS) -> Tally:
        """Store a batch of these, where the last one ended."""
        return self.store.store(self.batch(*values, headers=headers), self.park)

    def batch(self, *values: bytes, headers: Any = HEADERS) -> Batch:
        begin = self.store.offsets()[PARTITION]
        return batch_of(
            *(consumed(value, headers, offset, PARTITION) for offset, value in enumerate(values, start=begin))
        )

    def park(self, _batch: Batch, dead: Sequence[DeadRecord]) -> None:
        self.parked.extend(dead)

    def rows(self) -> list[dict[str, Any]]:
        with psycopg.connect(self.url) as connection:
            return (
                connection.cursor(row_factory=dict_row).execute("SELECT * FROM events ORDER BY kafka_offset").fetchall()
            )


@pytest.fixture(scope="module")
def server(stack: Stack) -> Iterator[psycopg.Connection]:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        yield connection


_numbers = count(1)


@pytest.fixture
def empty(stack: Stack, server: psycopg.Connection) -> Iterator[str]:
    """The address of an empty database."""
    name = f"scratch_{next(_numbers)}"
    server.execute(f"CREATE DATABASE {name}")
    yield stack.database_url.rpartition("/")[0] + f"/{name}"
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def table(empty: str) -> Iterator[Table]:
    table = Table(empty)
    yield table
    table.store.close()


def value(**fields: Any) -> bytes:
    event = parse(dumps({"event_type": "a.b", "user_id": "u", **fields}))
    return encode(event, str(uuid4()), RECEIVED_AT)


def unstorable() -> bytes:
    """Passes the decoder and not the table."""
    return value(properties={"a": "unstorable"})


text = some.text(some.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=40)
tricky = some.sampled_from(
    ["\\", "\\N", "\\.", "\t", "\n", "\r\n", "\\t", "\\\\n", '"', "'", "\x01", "\x7f", "\x85", "\u2028", "🙂"]
)
json = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | text
    | tricky,
    lambda children: some.lists(children, max_size=4) | some.dictionaries(text, children, max_size=4),
    max_leaves=10,
)
instants = some.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28), timezones=some.just(UTC))
events = some.fixed_dictionaries(
    {"user_id": text.filter(bool), "properties": some.dictionaries(text, json, max_size=4)},
    optional={"source": text, "occurred_at": instants.map(datetime.isoformat)},
)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some.lists(events, min_size=1, max_size=8))
def test_whatever_an_event_holds_its_row_holds(table: Table, sent: list[dict[str, Any]]) -> None:
    assert table.put(*(value(**fields) for fields in sent)) == Tally(len(sent), 0, 0)
    for fields, row in zip(sent, table.rows()[-len(sent) :], strict=True):
        assert row["user_id"] == fields["user_id"]
        assert row["source"] == fields.get("source")
        occurred_at = fields.get("occurred_at")
        assert row["occurred_at"] == (datetime.fromisoformat(occurred_at) if occurred_at else None)
        assert _as_jsonb(row["properties"]) == _as_jsonb(fields["properties"])


def _as_jsonb(part: Any) -> Any:
    """jsonb keeps the value of a number, not its spelling: 1.0 and 1 are the same to it."""
    match part:
        case bool() | None | str():
            return part
        case int() | float():
            return float(part)
        case list():
            return [_as_jsonb(item) for item in part]
    return {name: _as_jsonb(item) for name, item in part.items()}


def test_the_columns_beside_the_event_are_its_records(table: Table) -> None:
    table.put(value(), value(occurred_at="2026-01-01T12:00:00.000001+05:30"))
    first, second = table.rows()
    assert (first["topic"], first["kafka_partition"], first["kafka_offset"]) == ("events", PARTITION, 0)
    assert first["appended_at"] == datetime.fromtimestamp(APPENDED_MS / 1000, UTC)
    assert first["received_at"] == datetime.fromisoformat(RECEIVED_AT)
    assert (first["request_id"], first["occurred_at"], first["source"]) == ("request-1", None, None)
    half_past = timezone(timedelta(hours=5, minutes=30))
    assert second["occurred_at"] == datetime(2026, 1, 1, 12, 0, 0, 1, half_past)


def test_repeats_within_a_batch_and_across_batches_are_counted_and_the_first_is_kept(table: Table) -> None:
    first, again = value(properties={"version": 1}), value(properties={"version": 2})
    event_id = first[13:49]
    again = again.replace(again[13:49], event_id)
    assert table.put(first, again, value()) == Tally(2, 1, 0)
    assert table.put(again) == Tally(0, 1, 0)
    assert [row["properties"] for row in table.rows()] == [{"version": 1}, {}]
    assert table.store.offsets() == {PARTITION: 4}


@pytest.mark.parametrize("places", [{0}, {499}, {3, 4}, {0, 250, 251, 499}])
def test_only_the_rows_postgresql_refuses_are_parked(table: Table, places: set[int]) -> None:
    values = [unstorable() if place in places else value() for place in range(500)]
    assert table.put(*values) == Tally(500 - len(places), 0, len(places))
    assert {(dead.record.offset, dead.reason) for dead in table.parked} == {(p, Parked.UNSTORABLE) for p in places}
    assert [row["kafka_offset"] for row in table.rows()] == [n for n in range(500) if n not in places]
    assert table.store.offsets() == {PARTITION: 500}


def test_a_batch_of_nothing_but_poison_moves_the_offset(table: Table) -> None:
    assert table.put(b"", b"\xff", unstorable()) == Tally(0, 0, 3)
    assert table.store.offsets() == {PARTITION: 3}
    assert {dead.reason for dead in table.parked} == {Parked.EMPTY, Parked.MALFORMED, Parked.UNSTORABLE}


def test_when_parking_fails_nothing_of_the_batch_is_stored(table: Table) -> None:
    def refuse(*_: object) -> None:
        raise DeadLettersUnavailable("so says the test")

    with pytest.raises(DeadLettersUnavailable):
        table.store.store(table.batch(value(), b"", value()), refuse)
    assert table.rows() == []
    assert table.store.offsets() == {PARTITION: 0}
    assert table.put(value()) == Tally(1, 0, 0)


def test_a_batch_from_elsewhere_than_the_table_stands_is_fenced_and_leaves_nothing(table: Table) -> None:
    zombie = table.batch(value(), value())
    table.put(value())
    with pytest.raises(Fenced):
        table.store.store(zombie, table.park)
    assert len(table.rows()) == 1
    assert table.store.offsets() == {PARTITION: 1}
    with pytest.raises(Fenced):
        table.store.move(PARTITION, Span(0, 5))


def test_of_two_partitions_one_that_is_fenced_holds_back_both(table: Table) -> None:
    table.store.claim(4, 10)
    batch = table.batch(value())
    batch.spans[4] = Span(11, 12)
    with pytest.raises(Fenced):
        table.store.store(batch, table.park)
    assert table.store.offsets() == {PARTITION: 0, 4: 10}
    assert table.rows() == []


def test_a_partition_is_claimed_once(table: Table) -> None:
    table.store.claim(5, 7)
    table.store.claim(5, 9)
    assert table.store.offsets()[5] == 7


def test_offsets_of_a_deleted_topic_are_forgotten_once_and_not_taken_for_those_of_its_successor(table: Table) -> None:
    former, present = uuid4(), uuid4()
    assert not table.store.recognise(former)
    table.put(value())
    assert not table.store.recognise(former)
    assert table.store.offsets() == {PARTITION: 1}
    late = table.batch(value())
    assert table.store.recognise(present)
    assert table.store.offsets() == {}
    with pytest.raises(Fenced):
        table.store.store(late, table.park)
    table.store.claim(PARTITION, 0)
    assert not table.store.recognise(present)
    assert table.store.offsets() == {PARTITION: 0}


def test_workers_that_start_together_make_the_tables_once(empty: str) -> None:
    stores = [Store(empty, "group", "events", Stop()) for _ in range(5)]
    with ThreadPoolExecutor(5) as threads:
        assert list(threads.map(lambda store: store.offsets(), stores)) == [{}] * 5
    for store in stores:
        store.close()

"""Encoding, for whatever an event may hold."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from json import dumps, loads
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from msgspec import UNSET
from pydantic import ValidationError

from contract.codec import decode, decode_all, encode, encode_all, parse, parse_all, parse_each
from contract.event import Event
from contract.plain import Reading

a_few = settings(deadline=None, max_examples=60)
EVENT_ID = "0190a6f2-7c3a-7b1e-8f2a-0123456789ab"
RECEIVED_AT = "2026-01-01T10:00:00.500000Z"

text = some.text(some.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=40)
value = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False, allow_infinity=False) | text,
    lambda children: some.lists(children, max_size=4) | some.dictionaries(text, children, max_size=4),
    max_leaves=12,
)
fields = some.fixed_dictionaries(
    {
        "event_type": some.from_regex(r"[a-z][a-z0-9_.]{0,63}", fullmatch=True),
        "user_id": text.filter(bool),
        "properties": some.dictionaries(text, value, max_size=5),
    },
    optional={
        "source": text,
        "occurred_at": some.datetimes(
            datetime(1, 1, 3), datetime(9999, 12, 28), timezones=some.timezones(no_cache=False)
        ).map(lambda instant: instant.astimezone(UTC).isoformat()),
    },
)


@given(fields, some.uuids().map(str), some.booleans())
@a_few
def test_an_event_comes_out_as_it_went_in(sent: dict[str, Any], event_id: Any, ascii_only: bool) -> None:
    event = parse(dumps(sent, ensure_ascii=ascii_only))
    stored = decode(encode(event, event_id, RECEIVED_AT))
    assert stored.event_id == event_id
    assert stored.received_at == RECEIVED_AT
    assert (stored.event_type, stored.user_id) == (sent["event_type"], sent["user_id"])
    assert (stored.occurred_at, stored.source) == (event.occurred_at, sent.get("source", UNSET))
    assert stored.properties == sent["properties"]


@given(fields, some.uuids().map(str))
@a_few
def test_a_value_is_one_line_of_json_that_every_reader_takes(sent: dict[str, Any], event_id: Any) -> None:
    value = encode(parse(dumps(sent)), event_id, RECEIVED_AT)
    assert b"\n" not in value
    assert b"\x00" not in value
    document = loads(value, parse_constant=_never)
    assert document["event_id"] == str(event_id)
    assert document["properties"] == sent["properties"]


# Near misses of what the fast structs take: each is a place where they could be more lenient than the definition.
odd_text = some.sampled_from(
    [
        "2026-01-01T10:00:00.Z", "2026-W01-1T10:00:00Z", "20260101T100000Z", "2026-01-01T10:00:00,5Z",
        "2026-02-30T10:00:00Z", "2026-01-01T10:00:00.1234567Z", "2026-01-01T10:00:00+23:59", "0001-01-01T00:00:00Z",
        "2026-01-01T10:00:00+0530", "9999-12-31T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T10:00:00Z\n",
        "0190A6F2-7c3a-7b1e-8f2a-0123456789ab", "0190a6f27c3a7b1e8f2a0123456789ab", "a\n", "a\x00",
        "0190a6f2-7c3a-7b1e-8f2a-0123456789ab\n", "", "a" * 65, "a" * 129,
    ]
)  # fmt: skip
odd_value = (
    odd_text | text | some.none() | some.booleans() | some.integers() | some.floats() | some.just([]) | some.just({})
)
odd_fields = some.dictionaries(some.sampled_from([*Event.model_fields, "received_at", "sauce"]), odd_value)


@given(fields, odd_fields)
@settings(deadline=None, max_examples=600)
def test_what_is_read_fast_is_what_the_definition_reads(sent: dict[str, Any], odd: dict[str, Any]) -> None:
    body = dumps(sent | odd)
    try:
        defined = Event.model_validate_json(body)
    except ValidationError:
        with pytest.raises(ValidationError):
            encode(parse(body), EVENT_ID, RECEIVED_AT)
        return
    event = parse(body)
    assert (event.event_type, event.user_id, event.source if event.source is not UNSET else None) == (
        defined.event_type,
        defined.user_id,
        defined.source,
    )
    assert (event.event_id or None) == (str(defined.event_id) if defined.event_id else None)
    assert (datetime.fromisoformat(event.occurred_at) if event.occurred_at else None) == defined.occurred_at
    assert event.properties == defined.properties


@given(some.lists(fields, min_size=1, max_size=4), some.uuids(version=4).map(str))
@a_few
def test_many_at_once_come_out_as_one_by_one(sent: list[dict[str, Any]], event_id: str) -> None:
    events = [parse(dumps({**one, "event_id": event_id})) for one in sent]
    values = [encode(event, event_id, RECEIVED_AT) for event in events]
    assert encode_all(events, [event_id] * len(events), RECEIVED_AT) in (values, None)
    assert decode_all(values) in ([decode(value) for value in values], None)


def test_many_plain_events_are_taken_at_once() -> None:
    body = dumps({"event_id": EVENT_ID, "event_type": "a", "user_id": "u", "occurred_at": RECEIVED_AT}).encode()
    events = parse_all(b"[%s,%s]" % (body, body))
    assert events == parse_each([body, body]) == [parse(body), parse(body)]
    values = encode_all(events, [EVENT_ID] * 2, RECEIVED_AT)
    assert values == [encode(parse(body), EVENT_ID, RECEIVED_AT)] * 2
    assert decode_all(values) == [decode(values[0])] * 2


@given(fields, odd_fields)
@settings(deadline=None, max_examples=600)
def test_what_is_taken_among_many_is_what_is_taken_alone(sent: dict[str, Any], odd: dict[str, Any]) -> None:
    body = dumps(sent | odd).encode()
    alone = _or_none(parse, body)
    assert parse_all(b"[%s]" % body) in (None, alone and [alone])
    assert parse_each([body]) in (None, alone and [alone])
    value = dumps({"event_id": EVENT_ID, "received_at": RECEIVED_AT} | sent | odd).encode()
    assert decode_all([value]) in (None, _or_none(decode, value) and [decode(value)])


def test_records_that_would_be_as_many_events_if_they_were_joined_are_none() -> None:
    head, tail = f'{{"event_id":"{EVENT_ID}","event_type":"a"', f'"user_id":"u","received_at":"{RECEIVED_AT}"}}'
    whole = f"{head},{tail}".encode()
    assert decode_all([whole]) == [decode(whole)]
    assert decode_all([head.encode(), tail.encode(), whole + b"," + whole]) is None


@given(some.binary(max_size=200) | text.map(str.encode) | fields.map(lambda sent: dumps(sent).encode()[:-1]))
@a_few
def test_whatever_comes_is_an_event_or_a_validation_error(body: bytes) -> None:
    with suppress(ValidationError):
        assert isinstance(parse(body), Reading)


nasty = some.sampled_from(["\x00", float("nan"), float("inf"), float("-inf"), {"\x00": 1}, {"a": ["\x00"]}])


@given(some.recursive(nasty, lambda child: some.lists(child, min_size=1) | some.dictionaries(text, child, min_size=1)))
@a_few
def test_nothing_postgresql_would_refuse_gets_through(nasty: Any) -> None:
    body = dumps({"event_type": "a", "user_id": "u", "properties": {"a": nasty}})
    with pytest.raises(ValidationError) as refused:
        encode(parse(body), EVENT_ID, RECEIVED_AT)
    assert refused.value.errors()[0]["type"] == "not_storable"


def _or_none(read: Callable[[bytes], Reading], body: bytes) -> Reading | None:
    try:
        return read(body)
    except ValidationError:
        return None


def _never(constant: str) -> None:
    raise AssertionError(f"{constant} in a value")

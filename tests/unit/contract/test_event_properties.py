"""Encoding, for whatever an event may hold."""

from contextlib import suppress
from datetime import UTC, datetime
from json import dumps, loads
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from pydantic import ValidationError

from contract.event import Event, decode, encode, parse

a_few = settings(deadline=None, max_examples=60)
EVENT_ID = UUID("0190a6f2-7c3a-7b1e-8f2a-0123456789ab")
NOW = datetime(2026, 1, 1, 10, 0, 0, 500_000, UTC)
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


@given(fields, some.uuids(), some.booleans())
@a_few
def test_an_event_comes_out_as_it_went_in(sent: dict[str, Any], event_id: Any, ascii_only: bool) -> None:
    event = parse(dumps(sent, ensure_ascii=ascii_only))
    stored = decode(encode(event, event_id, RECEIVED_AT))
    assert stored.event_id == event_id
    assert stored.received_at == NOW
    assert stored.model_dump(include=set(Event.model_fields) - {"event_id"}) == event.model_dump(exclude={"event_id"})
    assert stored.properties == sent["properties"]


@given(fields, some.uuids())
@a_few
def test_a_value_is_one_line_of_json_that_every_reader_takes(sent: dict[str, Any], event_id: Any) -> None:
    value = encode(parse(dumps(sent)), event_id, RECEIVED_AT)
    assert b"\n" not in value
    assert b"\x00" not in value
    document = loads(value, parse_constant=_never)
    assert document["event_id"] == str(event_id)
    assert document["properties"] == sent["properties"]


@given(some.binary(max_size=200) | text.map(str.encode) | fields.map(lambda sent: dumps(sent).encode()[:-1]))
@a_few
def test_whatever_comes_is_an_event_or_a_validation_error(body: bytes) -> None:
    with suppress(ValidationError):
        assert isinstance(parse(body), Event)


nasty = some.sampled_from(["\x00", float("nan"), float("inf"), float("-inf"), {"\x00": 1}, {"a": ["\x00"]}])


@given(some.recursive(nasty, lambda child: some.lists(child, min_size=1) | some.dictionaries(text, child, min_size=1)))
@a_few
def test_nothing_postgresql_would_refuse_gets_through(nasty: Any) -> None:
    body = dumps({"event_type": "a", "user_id": "u", "properties": {"a": nasty}})
    with pytest.raises(ValidationError) as refused:
        encode(parse(body), EVENT_ID, RECEIVED_AT)
    assert refused.value.errors()[0]["type"] == "not_storable"


def _never(constant: str) -> None:
    raise AssertionError(f"{constant} in a value")

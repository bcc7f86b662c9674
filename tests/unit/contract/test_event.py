"""What an event is, what is refused, and that encoding loses nothing."""

import gc
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from json import loads
from typing import Any

import pytest
from pydantic import ValidationError

from contract.codec import decode, encode, encode_all, parse
from contract.event import Event

EVENT_ID = "0190a6f2-7c3a-7b1e-8f2a-0123456789ab"
RECEIVED_AT = "2026-01-01T10:00:00.500000Z"
MINIMAL = '{"event_type":"page.viewed","user_id":"user-42"}'


def with_property(value: str) -> str:
    return f'{{"event_type":"page.viewed","user_id":"user-42","properties":{{"a":{value}}}}}'


def with_field(name: str, value: str) -> str:
    return f'{{"event_type":"page.viewed","user_id":"user-42","{name}":{value}}}'


def faults(body: bytes | str) -> list[tuple[str, tuple[int | str, ...]]]:
    """What is wrong with a body, at the first station that looks."""
    with pytest.raises(ValidationError) as refused:
        encode(parse(body), EVENT_ID, RECEIVED_AT)
    return [(fault["type"], fault["loc"]) for fault in refused.value.errors()]


NO_JSON = {
    "empty": "",
    "only blanks": "  \n",
    "trailing bytes": MINIMAL + "x",
    "two documents": MINIMAL + MINIMAL,
    "a lone leading surrogate": with_property('"\\ud800"'),
    "two leading surrogates": with_property('"\\ud800\\ud800"'),
    "a lone trailing surrogate": with_property('"\\udc00"'),
    "a lone surrogate in a name": '{"event_type":"a","user_id":"u","properties":{"\\ud800":1}}',
    "5,000 digits": with_property("1" * 5_000),
    "depth 100,000": with_property("[" * 100_000),
    "a raw NUL": with_property('"\x00"'),
    "a raw escape character": with_property('"\x1b[31m"'),
    "a raw newline in a text": with_property('"\n"'),
    "a byte order mark": "\ufeff" + MINIMAL,
    "single quotes": "{'event_type':'a','user_id':'u'}",
    "a trailing comma": '{"event_type":"a","user_id":"u",}',
    "a comment": MINIMAL + "// so",
    "a bare nan": with_property("nan"),
    "hexadecimal": with_property("0x10"),
    "a leading zero": with_property("01"),
}


@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON.keys())
def test_what_is_no_json_is_told_from_what_is_no_event(body: str) -> None:
    assert faults(body) == [("json_invalid", ())]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_other_encodings_than_utf_8_are_no_json(encoding: str) -> None:
    assert faults(MINIMAL.encode(encoding)) == [("json_invalid", ())]


@pytest.mark.parametrize("garbage", [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"])
def test_invalid_utf_8_is_no_json(garbage: bytes) -> None:
    assert faults(b'{"event_type":"a","user_id":"%s"}' % garbage) == [("json_invalid", ())]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1" * 400 + ".5"])
def test_numbers_no_double_can_hold_are_refused_where_they_stand(number: str) -> None:
    assert faults(with_property(number)) == [("not_storable", ("properties", "a"))]
    assert faults(with_property(f'[0,{{"b":{number}}}]')) == [("not_storable", ("properties", "a", 1, "b"))]


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e400"])
def test_such_numbers_are_found_in_events_that_are_not_written_the_plain_way_too(number: str) -> None:
    body = with_property(f'[{{"b":{number}}}]')
    assert faults(f'{body[:-1]},"occurred_at":"2026-01-01T00:00:00+01:00"}}') == [
        ("not_storable", ("properties", "a", 0, "b"))
    ]


def test_many_brackets_that_are_not_deep_are_accepted_as_they_are() -> None:
    flat = with_property(f"[{','.join(['[]'] * 1000)}]")
    assert decode(encode(parse(flat), EVENT_ID, RECEIVED_AT)).properties == loads(flat)["properties"]


def test_nul_characters_are_refused_wherever_they_are() -> None:
    assert faults(with_property('"x\\u0000y"')) == [("not_storable", ("properties", "a"))]
    assert faults(with_property('{"\\u0000":1}')) == [("not_storable", ("properties", "a"))]
    assert faults(with_field("source", '"\\u0000"')) == [("string_pattern_mismatch", ("source",))]
    assert faults('{"event_type":"a","user_id":"\\u0000"}') == [("string_pattern_mismatch", ("user_id",))]


@pytest.mark.parametrize("text", ['"NaN"', '"Infinity and beyond"', '"\\\\u0000"', '{"NaN":1}'])
def test_text_that_only_looks_suspicious_is_accepted(text: str) -> None:
    value = encode(parse(with_property(text)), EVENT_ID, RECEIVED_AT)
    assert decode(value).properties == parse(with_property(text)).properties


@pytest.mark.parametrize("body", ["null", "[]", "1", '"text"', "true", f"[{MINIMAL}]"])
def test_json_that_is_no_object_is_refused_as_a_whole(body: str) -> None:
    assert faults(body) == [("model_type", ())]


def test_every_fault_is_told_at_once() -> None:
    body = '{"event_type":"Page viewed","user_id":"","sauce":"web","properties":[]}'
    assert {place for _, place in faults(body)} == {("event_type",), ("user_id",), ("sauce",), ("properties",)}


def test_of_a_repeated_name_the_last_one_counts() -> None:
    event = parse('{"event_type":"first","user_id":"u","event_type":"last","properties":{"a":1,"a":2}}')
    assert (event.event_type, event.properties) == ("last", {"a": 2})


def test_a_repeated_name_is_stored_once() -> None:
    event = parse('{"event_type":"a","user_id":"u","properties":{"a":1,"a":2}}')
    assert encode(event, EVENT_ID, RECEIVED_AT).count(b'"a":') == 1


@pytest.mark.parametrize("event_type", ["a", "a.b", "page.viewed", "a" * 64, "a_1.b_2", "a..", "a0"])
def test_event_types_in_dotted_lower_case_are_accepted(event_type: str) -> None:
    assert parse(f'{{"event_type":"{event_type}","user_id":"u"}}').event_type == event_type


@pytest.mark.parametrize("event_type", ["", "A", "1a", ".a", "_a", "a b", "a-b", "a" * 65, "é", "a\\n", "\\na", "aA"])
def test_other_event_types_are_refused(event_type: str) -> None:
    assert faults(f'{{"event_type":"{event_type}","user_id":"u"}}')[0][1] == ("event_type",)


def test_a_type_that_is_none_is_not_remembered_at_length() -> None:
    tracemalloc.start()
    try:
        for number in range(100):
            assert faults(f'{{"event_type": "a{number}{"a" * 100_000}", "user_id": "u"}}')[0][1] == ("event_type",)
        gc.collect()  # pytest's own keepsakes of what was raised
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 2_000_000  # bytes, of 10 MB that were refused


def test_user_ids_have_1_to_128_characters_not_bytes() -> None:
    assert parse(f'{{"event_type":"a","user_id":"{"é" * 128}"}}').user_id == "é" * 128
    assert faults(f'{{"event_type":"a","user_id":"{"u" * 129}"}}') == [("string_too_long", ("user_id",))]
    assert faults('{"event_type":"a","user_id":""}') == [("string_too_short", ("user_id",))]


def test_sources_have_up_to_128_characters() -> None:
    assert parse(with_field("source", f'"{"s" * 128}"')).source == "s" * 128
    assert parse(with_field("source", '""')).source == ""
    assert faults(with_field("source", f'"{"s" * 129}"')) == [("string_too_long", ("source",))]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-01T12:00:00Z", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("2026-01-01t12:00:00z", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("2026-01-01 12:00:00Z", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("2026-01-01T12:00:00+02:00", datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))),
        ("2026-01-01T12:00:00.5-00:30", datetime(2026, 1, 1, 12, 0, 0, 500_000, timezone(-timedelta(minutes=30)))),
        ("2026-01-01T12:00:00.123456789Z", datetime(2026, 1, 1, 12, 0, 0, 123_456, UTC)),
        ("0001-01-02T00:00:00Z", datetime(1, 1, 2, tzinfo=UTC)),
        ("9999-12-30T00:00:00Z", datetime(9999, 12, 30, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_instants_are_rfc_3339_with_microseconds(text: str, instant: datetime) -> None:
    occurred_at = parse(with_field("occurred_at", f'"{text}"')).occurred_at
    assert isinstance(occurred_at, str)
    assert datetime.fromisoformat(occurred_at) == instant


@pytest.mark.parametrize(
    "value",
    [
        "1700000000",
        '"1700000000"',
        '"2026-01-01"',
        '"12:00:00Z"',
        '"2026-01-01T12:00:00"',
        '"2026-01-01T12:00Z"',
        '"2026-01-01T12:00:00+0200"',
        '"2026-01-01T12:00:00 +02:00"',
        '"2026-02-30T12:00:00Z"',
        '"2026-01-01T25:00:00Z"',
        '"2026-01-01T12:00:60Z"',
        '"2026-01-01T12:00:00+25:00"',
        '"0001-01-01T00:00:00+14:00"',
        '"9999-12-31T23:59:59-10:00"',
        '"10000-01-01T00:00:00Z"',
        '" 2026-01-01T12:00:00Z"',
        '"2026-01-01T12:00:00Z\\n"',
        '"now"',
        '""',
        "true",
        "[]",
    ],
)
def test_other_instants_are_refused(value: str) -> None:
    assert faults(with_field("occurred_at", value))[0][1] == ("occurred_at",)


@pytest.mark.parametrize("value", ["1", '"x"', '"0190a6f2-7c3a-7b1e-8f2a"', "true", '""', "{}"])
def test_an_event_id_is_a_uuid(value: str) -> None:
    assert faults(with_field("event_id", value))[0][1] == ("event_id",)


@pytest.mark.parametrize("name", ["event_id", "occurred_at", "source"])
def test_null_means_absent_where_absence_is_allowed(name: str) -> None:
    assert parse(with_field(name, "null")) == parse(MINIMAL)


@pytest.mark.parametrize("name", ["event_type", "user_id", "properties"])
def test_null_is_no_value_elsewhere(name: str) -> None:
    assert faults(with_field(name, "null"))[0][1] == (name,)


def test_no_kind_of_value_is_taken_for_another() -> None:
    assert faults('{"event_type":"a","user_id":42}') == [("string_type", ("user_id",))]
    assert faults(with_field("source", "1")) == [("string_type", ("source",))]


def test_what_the_gateway_fills_in_is_no_clients_business() -> None:
    assert faults(with_field("received_at", f'"{RECEIVED_AT}"')) == [("extra_forbidden", ("received_at",))]


def test_nesting_that_the_gateway_takes_the_worker_takes_too() -> None:
    deepest = max(depth for depth in range(150, 210) if _parses(with_property("[" * depth + "]" * depth)))
    value = encode(parse(with_property("[" * deepest + "]" * deepest)), EVENT_ID, RECEIVED_AT)
    assert decode(value).event_id == EVENT_ID


def test_an_event_that_its_reader_has_just_managed_and_its_writer_does_not_is_refused() -> None:
    event, deepest = parse(MINIMAL), list[Any]()
    for _ in range(5_000):
        deepest = [deepest]
    event.properties = {"a": deepest}
    assert encode_all([event], [EVENT_ID], RECEIVED_AT) is None
    with pytest.raises(ValidationError, match="nested too deeply"):
        encode(event, EVENT_ID, RECEIVED_AT)


def test_a_record_without_its_id_or_time_is_none_of_ours() -> None:
    for body in (MINIMAL, with_field("event_id", f'"{EVENT_ID}"'), with_field("received_at", f'"{RECEIVED_AT}"')):
        with pytest.raises(ValidationError):
            decode(body.encode())


@pytest.mark.parametrize("number", ["NaN", "-Infinity"])
def test_a_record_with_what_the_gateway_refuses_is_none_of_ours(number: str) -> None:
    body = f'{{"event_id":"{EVENT_ID}","received_at":"{RECEIVED_AT}",{with_property(number)[1:]}'
    with pytest.raises(ValidationError):
        decode(body.encode())


def test_the_default_properties_are_not_shared() -> None:
    first, second = parse(MINIMAL), parse(MINIMAL)
    first.properties["a"] = 1
    assert second.properties == {}
    assert Event(event_type="a", user_id="u").properties == {}


def _parses(body: str) -> bool:
    try:
        encode(parse(body), EVENT_ID, RECEIVED_AT)
    except ValidationError:
        return False
    return True

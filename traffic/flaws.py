"""The catalogue of bad events: every way to be wrong, with the status it deserves."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from traffic.encoding import JSON, dump

Fields = dict[str, Any]


class Flaw(NamedTuple):
    """Turns the fields of a good event into a body that must be refused with ``status``."""

    name: str
    status: int
    spoil: Callable[[Fields], bytes]
    media_type: str = JSON


def _set(**changes: Any) -> Callable[[Fields], bytes]:
    return lambda fields: dump(fields | changes)


def _property(value: Any) -> Callable[[Fields], bytes]:
    return lambda fields: dump(fields | {"properties": {"value": value}})


def _drop(name: str) -> Callable[[Fields], bytes]:
    return lambda fields: dump({key: value for key, value in fields.items() if key != name})


def _raw(value: bytes) -> Callable[[Fields], bytes]:
    """A property as no JSON writer would write it."""
    return lambda fields: dump(fields | {"properties": {}})[:-2] + b'"value":' + value + b"}}"


WRONG_MEDIA_TYPE: Final = Flaw("wrong media type", 415, dump, "text/plain")

FLAWS: Final = (
    Flaw("event_type missing", 422, _drop("event_type")),
    Flaw("user_id missing", 422, _drop("user_id")),
    Flaw("user_id a number", 422, _set(user_id=42)),
    Flaw("user_id empty", 422, _set(user_id="")),
    Flaw("user_id too long", 422, _set(user_id="x" * 129)),
    Flaw("user_id with NUL", 422, _set(user_id="a\x00b")),
    Flaw("event_type with spaces", 422, _set(event_type="Page Viewed!")),
    Flaw("event_type null", 422, _set(event_type=None)),
    Flaw("event_id no UUID", 422, _set(event_id="4711")),
    Flaw("unknown field", 422, _set(priority="high")),
    Flaw("occurred_at without offset", 422, _set(occurred_at="2026-02-03T04:05:06")),
    Flaw("occurred_at no date", 422, _set(occurred_at="2026-02-30T04:05:06Z")),
    Flaw("occurred_at a number", 422, _set(occurred_at=1770091506)),
    Flaw("properties a list", 422, _set(properties=["value"])),
    Flaw("NaN", 422, _property(float("nan"))),
    Flaw("Infinity", 422, _property([{"deep": float("-inf")}])),
    Flaw("number beyond double", 422, _raw(b"1e999")),
    Flaw("NUL in a property", 422, _property("a\x00b")),
    Flaw("lone surrogate", 400, _raw(b'"\\udc00"')),
    Flaw("no UTF-8", 400, _raw(b'"\xff\xfe"')),
    Flaw("control character", 400, _raw(b'"\x07"')),
    Flaw("integer of 5,000 digits", 400, _raw(b"9" * 5_000)),
    Flaw("nested 300 deep", 400, _raw(b"[" * 300 + b"]" * 300)),
    Flaw("truncated", 400, lambda fields: dump(fields)[:-7]),
    Flaw("single quotes", 400, lambda fields: str(fields).encode()),
    Flaw("two documents", 400, lambda fields: dump(fields) + b" " + dump(fields)),
    Flaw("a list", 422, lambda fields: dump([fields])),
    Flaw("null", 422, lambda fields: b"null"),
    Flaw("no JSON at all", 400, lambda fields: f"user_id={fields['user_id']}".encode()),
    WRONG_MEDIA_TYPE,
)

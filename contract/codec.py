"""Events as bytes: what clients send, and what a record's value holds.

``contract.event`` says what an event is, and why something is none. Most events are written the plain way, though, and
those are read here by structs of msgspec in a fraction of the time. Whatever they do not take goes to the definition,
which refuses it with its reasons or writes it the plain way. So the structs may be stricter than the definition, and
are never more lenient.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Final, LiteralString

import msgspec
from msgspec import UNSET, UnsetType
from pydantic import ValidationError
from pydantic_core import PydanticCustomError, from_json, to_json

from contract.crowd import MOST_VALUES, is_crowded
from contract.event import EVENT_TYPE, Event, StoredEvent, refuse_unstorable

_MOST_FIELDS = 50  # an object with more of them is described by their number: a list would cost more than it did
_MOST_BRACKETS = 150  # with fewer of them nothing is nested deeper than the definition takes
_SHALLOW = 2 * _MOST_BRACKETS  # bytes, likewise
(_BACKSLASH,) = b"\\"

_Text = Annotated[str, msgspec.Meta(max_length=128)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class Reading(msgspec.Struct, kw_only=True, gc=False, forbid_unknown_fields=True):
    """An event as it was read. Its id and instants are texts, in the one form that every station reads."""

    event_id: str | UnsetType = UNSET
    event_type: _Text  # bounded, because it is remembered
    user_id: _Name
    occurred_at: str | UnsetType = UNSET
    source: _Text | UnsetType = UNSET
    properties: dict[str, Any] = {}


class StoredReading(Reading, kw_only=True, gc=False, forbid_unknown_fields=True):
    """The event in a record, with its id and the time it reached the gateway."""

    event_id: str
    received_at: str


def parse(body: bytes | str) -> Reading:
    """The event in a request. Raises pydantic's ValidationError: ``json_invalid`` when it is no JSON at all."""
    if len(body) > MOST_VALUES:
        _refuse_crowd_of_values(body.encode(errors="replace") if isinstance(body, str) else body)
    try:
        event = _EVENT.decode(body)
        _check(event)
    except _NOT_PLAIN:
        return _EVENT.decode(_judged(Event, body))
    return event


def parse_all(body: bytes) -> list[Reading] | None:
    """The events of a JSON array; None when one of them, or the whole, needs a closer look."""
    try:
        events = _EVENTS.decode(body)
        _check_all(events)
    except _NOT_PLAIN:
        return None
    return events


def parse_each(bodies: Sequence[bytes]) -> list[Reading] | None:
    """The events of many bodies; None when one of them needs a closer look."""
    try:
        events = [_EVENT.decode(body) for body in bodies if len(body) <= MOST_VALUES]
        _check_all(events)
    except _NOT_PLAIN:
        return None
    return events if len(events) == len(bodies) else None


def items(body: bytes, most: int) -> list[bytes] | None:
    """The first ``most`` items of a JSON array, not looked into; None when it is none, or needs a closer look."""
    try:
        return [bytes(item) for item in _ITEMS.decode(body)[:most]]
    except _NOT_PLAIN:
        return None


def items_closely(body: bytes, most: int) -> list[bytes]:
    """Likewise, with NaN and its like, which spoil their own item only. Raises ValueError that tells what is wrong.

    Every value is read, which takes some hundredths of a second for a megabyte.
    """
    found = from_json(body)
    if not isinstance(found, list):
        raise ValueError("Input should be a valid list")
    return [to_json(item, inf_nan_mode="constants") for item in found[:most]]


def encode(event: Reading, event_id: str, received_at: str) -> bytes:
    """The value of the event's record: one line of JSON. ``received_at`` is RFC 3339 in UTC.

    ``event_id`` is for an event that has none of its own. Raises ValidationError when the event holds what
    PostgreSQL's jsonb would refuse.
    """
    try:
        text = _ENCODER.encode(event)
    except RecursionError:  # on a stack that is a little deeper than that of its reader
        raise _fault("too_deep", "Event is nested too deeply", {}) from None
    if _suspicious(text):
        _judge(Event, text)
    if event.event_id:
        return b'%s,"received_at":"%s"}' % (text[:-1], received_at.encode())
    return b'{"event_id":"%s",%s,"received_at":"%s"}' % (event_id.encode(), text[1:-1], received_at.encode())


def encode_all(events: Sequence[Reading], received_at: str) -> list[bytes] | None:
    """The same of events that all have their ids, in half the time; None when one of them needs a closer look."""
    try:
        lines = _ENCODER.encode_lines(events)
    except RecursionError:
        return None
    if _has_nul(lines):
        return None
    texts, end = lines.splitlines(), b',"received_at":"%s"}' % received_at.encode()
    if any(_is_deep(text) for text in texts if len(text) > _SHALLOW):
        return None
    return [text[:-1] + end for text in texts]


def decode(value: bytes) -> StoredReading:
    """The event in a record. Raises ValidationError for whatever the gateway would not have written."""
    try:
        event = _STORED.decode(value)
        _check(event)
        _check_instant(event.received_at)
    except _NOT_PLAIN:
        return _STORED.decode(_judged(StoredEvent, value))
    if _suspicious(value):
        _judge(StoredEvent, value)
    return event


def decode_all(values: Sequence[bytes]) -> list[StoredReading] | None:
    """The events in many records; None when one of them needs a closer look."""
    try:
        events = [_STORED.decode(value) for value in values]
        _check_all(events)
        for text in {event.received_at for event in events}:
            _check_instant(text)
    except _NOT_PLAIN:
        return None
    if _has_nul(b"".join(values)) or any(_is_deep(value) for value in values if len(value) > _SHALLOW):
        return None
    return events


def _judge(definition: type[Event], text: bytes) -> None:
    """Raises ValidationError when what was suspicious is not storable. The definition would do, at a higher price."""
    if not _has_nul(text):
        with suppress(ValueError):
            from_json(text)  # has the definition's limit on the depth
            return
    _judged(definition, text)


def _judged(definition: type[Event], body: bytes | str) -> bytes:
    """The event written the plain way. Raises ValidationError when the definition refuses it."""
    _refuse_crowd(body)
    event = definition.model_validate_json(body)
    # In UTC, because PostgreSQL knows no offsets beyond 15:59.
    instants = {name: value.astimezone(UTC) for name, value in event if isinstance(value, datetime)}
    text = event.model_copy(update=instants).model_dump_json(exclude_none=True).encode()
    if _has_nul(text) or not _is_finite(text):
        refuse_unstorable(event)  # it looks at every value, and tells which it is
    return text


def _is_finite(text: bytes) -> bool:
    """Of an event that was written here: NaN and Infinity, which are no JSON, are all that can be wrong with it."""
    try:
        _FIELDS.decode(text)
    except msgspec.MsgspecError:
        return False
    return True


def _refuse_crowd_of_values(body: bytes) -> None:
    if is_crowded(body) and not _is_too_deep(body):
        raise _fault("too_many_values", "Event has more than {most} values", {"most": MOST_VALUES})


def _is_too_deep(body: bytes) -> bool:
    """Then the definition ends after a few levels, and says so."""
    try:
        _FIELDS.decode(body)
    except RecursionError:
        return True
    except msgspec.MsgspecError:
        return False
    return False


def _refuse_crowd(body: bytes | str) -> None:
    try:
        fields = len(_FIELDS.decode(body))
    except _NOT_PLAIN:
        return  # no object at all, as the definition will say
    if fields > _MOST_FIELDS:
        raise _fault("too_many_fields", "Object has {fields} fields, most of them unknown", {"fields": fields})


def _fault(kind: LiteralString, message: LiteralString, numbers: dict[str, int]) -> ValidationError:
    """Of an event as a whole."""
    error = PydanticCustomError(kind, message, numbers)
    return ValidationError.from_exception_data("Event", [{"type": error, "loc": (), "input": None}])


def _check(event: Reading) -> None:
    """Raises ValueError for what the types above cannot tell."""
    if not _is_type(event.event_type):
        raise ValueError(event.event_type)
    if isinstance(event.event_id, str) and not _is_id(event.event_id):
        raise ValueError(event.event_id)
    if isinstance(event.occurred_at, str):
        _check_instant(event.occurred_at)


def _check_all(events: Sequence[Reading]) -> None:
    """Likewise of many, which have much in common."""
    for kind in {event.event_type for event in events}:
        if not _is_type(kind):
            raise ValueError(kind)
    if not all(map(_is_id, [event.event_id for event in events if isinstance(event.event_id, str)])):
        raise ValueError("event_id")
    for text in {event.occurred_at for event in events}:
        if isinstance(text, str):
            _check_instant(text)


@lru_cache(maxsize=64)  # events of one request were received together
def _check_instant(text: str) -> None:
    """Raises ValueError for anything but a day of the calendar, in UTC, written the usual way.

    The first and last year are left to the definition: in other time zones their days may not exist.
    """
    if text[4:20:3] not in _MARKS or len(text) > len(_LONGEST) or text[-1] != "Z" or text[-2] == ".":
        raise ValueError(text)
    if not "0001" < text[:4] < "9999":
        raise ValueError(text)
    datetime.fromisoformat(text)


def _suspicious(text: bytes) -> bool:
    """Whether it may hold NUL characters, or be nested too deeply."""
    return _has_nul(text) or _is_deep(text)


def _is_deep(text: bytes) -> bool:
    return len(text) > _SHALLOW and text.count(b"[") + text.count(b"{") > _MOST_BRACKETS


def _has_nul(text: bytes) -> bool:
    return _BACKSLASH in text and b"\\u0000" in text


_is_type = lru_cache(maxsize=1024)(re.compile(EVENT_TYPE).fullmatch)  # there are few, and they come back
# Here, because msgspec's own patterns take three times as long.
_is_id = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_MARKS: Final = frozenset(("--T::.", "--T::Z"))  # between year, month, day, hour, minute, second and what follows
_LONGEST: Final = "2026-01-01T10:00:00.123456Z"
_NOT_PLAIN: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_EVENT: Final = msgspec.json.Decoder(Reading)
_EVENTS: Final = msgspec.json.Decoder(list[Reading])
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_STORED: Final = msgspec.json.Decoder(StoredReading)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODER: Final = msgspec.json.Encoder()

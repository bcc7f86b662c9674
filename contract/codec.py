"""Events as bytes: what clients send, and what a record's value holds.

``contract.event`` says what an event is, and why something is none. Most events are written the plain way, though, and
those are read by the structs of ``contract.plain`` in a fraction of the time. Whatever they do not take goes to the
definition, which refuses it with its reasons or writes it the plain way.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, LiteralString

import msgspec
from pydantic import ValidationError
from pydantic_core import PydanticCustomError, from_json, to_json

from contract.crowd import MOST_VALUES, is_crowded
from contract.event import Event, StoredEvent, refuse_unstorable
from contract.plain import (
    NOT_PLAIN,
    Reading,
    StoredReading,
    any_deep,
    check,
    check_all,
    check_instant,
    has_nul,
    is_suspicious,
)

_MOST_FIELDS = 50  # an object with more of them is described by their number: a list would cost more than it did


def parse(body: bytes | str) -> Reading:
    """The event in a request. Raises pydantic's ValidationError: ``json_invalid`` when it is no JSON at all."""
    if len(body) > MOST_VALUES:
        _refuse_crowd_of_values(body.encode(errors="replace") if isinstance(body, str) else body)
    try:
        event = _EVENT.decode(body)
        check(event)
    except NOT_PLAIN:
        return _EVENT.decode(_judged(Event, body))
    return event


def parse_all(body: bytes) -> list[Reading] | None:
    """The events of a JSON array; None when one of them, or the whole, needs a closer look."""
    try:
        events = _EVENTS.decode(body)
        check_all(events)
    except NOT_PLAIN:
        return None
    return events


def parse_each(bodies: Sequence[bytes]) -> list[Reading] | None:
    """The events of many bodies; None when one of them needs a closer look."""
    try:
        events = [_EVENT.decode(body) for body in bodies if len(body) <= MOST_VALUES]
        check_all(events)
    except NOT_PLAIN:
        return None
    return events if len(events) == len(bodies) else None


def items(body: bytes, most: int) -> list[bytes] | None:
    """The first ``most`` items of a JSON array, not looked into; None when it is none, or needs a closer look."""
    try:
        return [bytes(item) for item in _ITEMS.decode(body)[:most]]
    except NOT_PLAIN:
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
    event.event_id, event.received_at = event.event_id or event_id, received_at
    try:
        text = _ENCODER.encode(event)
    except RecursionError:  # on a stack that is a little deeper than that of its reader
        raise _fault("too_deep", "Event is nested too deeply", {}) from None
    if is_suspicious(text):
        _judge(StoredEvent, text)
    return text


def encode_all(events: Sequence[Reading], event_ids: Sequence[str], received_at: str) -> list[bytes] | None:
    """The same of many at once, which have these ids, at half the price; None when one needs a closer look."""
    for event, event_id in zip(events, event_ids, strict=True):
        event.event_id, event.received_at = event_id, received_at
    try:
        lines = _ENCODER.encode_lines(events)
    except RecursionError:
        return None
    texts = lines.splitlines()
    return None if has_nul(lines) or any_deep(texts) else texts


def decode(value: bytes) -> StoredReading:
    """The event in a record. Raises ValidationError for whatever the gateway would not have written."""
    try:
        event = _STORED.decode(value)
        check(event)
        check_instant(event.received_at)
    except NOT_PLAIN:
        return _STORED.decode(_judged(StoredEvent, value))
    if is_suspicious(value):
        _judge(StoredEvent, value)
    return event


def decode_all(values: Sequence[bytes]) -> list[StoredReading] | None:
    """The events in many records; None when one of them needs a closer look."""
    try:
        events = [_STORED.decode(value) for value in values]
        check_all(events)
        for text in {event.received_at for event in events}:
            check_instant(text)
    except NOT_PLAIN:
        return None
    return None if has_nul(b"".join(values)) or any_deep(values) else events


def _judge(definition: type[Event], text: bytes) -> None:
    """Raises ValidationError when what was suspicious is not storable. The definition would do, at a higher price."""
    if not has_nul(text):
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
    if has_nul(text) or not _is_finite(text):
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
    except NOT_PLAIN:
        return  # no object at all, as the definition will say
    if fields > _MOST_FIELDS:
        raise _fault("too_many_fields", "Object has {fields} fields, most of them unknown", {"fields": fields})


def _fault(kind: LiteralString, message: LiteralString, numbers: dict[str, int]) -> ValidationError:
    """Of an event as a whole."""
    error = PydanticCustomError(kind, message, numbers)
    return ValidationError.from_exception_data("Event", [{"type": error, "loc": (), "input": None}])


_EVENT: Final = msgspec.json.Decoder(Reading)
_EVENTS: Final = msgspec.json.Decoder(list[Reading])
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_STORED: Final = msgspec.json.Decoder(StoredReading)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODER: Final = msgspec.json.Encoder()

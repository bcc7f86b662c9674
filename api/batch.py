"""A batch's body to its events: a bad one never drags its neighbours along."""

from collections.abc import Iterator

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from api.admission import NDJSON
from api.errors import GatewayError, Malformed, TooLarge, from_validation
from contract.event import Event, parse

_EVENTS = TypeAdapter(list[Event])


def split(body: bytes, media_type: bytes, most: int) -> list[Event | GatewayError]:
    """The events in order, a bad one as the error that refuses it.

    Raises Malformed when the body is no array at all, TooLarge beyond ``most`` events.
    """
    events = list(_lines(body)) if media_type == NDJSON else _array(body)
    if len(events) > most:
        raise TooLarge(f"The batch has {len(events)} events; at most {most} are allowed.")
    return events


def parse_event(body: bytes) -> Event:
    """Raises Malformed or InvalidEvent."""
    try:
        return parse(body)
    except ValidationError as error:
        raise from_validation(error) from None


def _lines(body: bytes) -> Iterator[Event | GatewayError]:
    return (_event_or_error(line) for line in body.split(b"\n") if line.strip())


def _array(body: bytes) -> list[Event | GatewayError]:
    try:
        return list(_EVENTS.validate_json(body))  # one pass for the usual case: all are good
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] in ("json_invalid", "list_type"):
            raise Malformed(f"A JSON array of events is expected: {_first(error)}") from None
    items = from_json(body)
    return [_event_or_error(to_json(item, inf_nan_mode="constants")) for item in items]


def _event_or_error(body: bytes) -> Event | GatewayError:
    try:
        return parse_event(body)
    except GatewayError as error:
        return error


def _first(error: ValidationError) -> str:
    return error.errors(include_url=False, include_input=False)[0]["msg"]

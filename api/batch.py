"""A batch's body to its events: a bad one never drags its neighbours along."""

from io import BytesIO
from itertools import islice
from typing import Final

from pydantic import ValidationError

from api.admission import NDJSON
from api.errors import GatewayError, Malformed, TooLarge, from_validation
from contract.codec import Reading, items, parse, parse_all
from contract.topics import MAX_RECORD_BYTES


def split(body: bytes, media_type: bytes, most: int) -> list[Reading | GatewayError]:
    """The events in order, a bad one as the error that refuses it.

    Raises Malformed when the body is no array at all, TooLarge beyond ``most`` events; and counts before it looks at
    any of them, because a few megabytes hold millions of things that are no events.
    """
    return _lines(body, most) if media_type == NDJSON else _array(body, most)


def parse_event(body: bytes) -> Reading:
    """Raises Malformed, InvalidEvent, or TooLarge."""
    if len(body) > MAX_RECORD_BYTES:
        raise TooLarge(f"The event takes {len(body)} bytes as JSON; at most {MAX_RECORD_BYTES} fit a record.")
    try:
        return parse(body)
    except ValidationError as error:
        raise from_validation(error) from None


def _lines(body: bytes, most: int) -> list[Reading | GatewayError]:
    lines = list(islice((line for line in BytesIO(body) if line.strip()), most + 1))
    _check_count(len(lines), most)
    return [_event_or_error(line) for line in lines]


def _array(body: bytes, most: int) -> list[Reading | GatewayError]:
    if body.count(_IN_EACH) <= most and (events := parse_all(body)) is not None and len(events) <= most:
        return [*events]  # one pass for the usual case: all are good
    try:
        found = items(body)
    except ValueError as error:
        raise Malformed(f"A JSON array of events is expected: {error}") from None
    _check_count(len(found), most)
    return [_event_or_error(item) for item in found]


def _check_count(events: int, most: int) -> None:
    if events > most:
        raise TooLarge(f"The batch has more than the {most} events that are allowed.")


def _event_or_error(body: bytes) -> Reading | GatewayError:
    try:
        return parse_event(body)
    except GatewayError as error:
        return error


_IN_EACH: Final = b'"event_type"'

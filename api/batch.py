"""A batch's body to its events: a bad one never drags its neighbours along, and a hostile one never stops the others.

Work on a body may take seconds, and there is one thread: what is long is done in turns with whoever else waits.
"""

import re
from itertools import islice
from typing import Final

from pydantic import ValidationError

from api.admission import NDJSON
from api.errors import GatewayError, Malformed, TooLarge, from_validation
from api.scan import scan
from api.turns import in_turns
from contract.codec import items, items_closely, parse, parse_all, parse_each
from contract.crowd import separators
from contract.plain import Reading
from contract.topics import MAX_RECORD_BYTES

AT_ONCE_BYTES = 1_048_576
_MOST_VALUES = 1_000_000
_LIGHT_VALUES = 65_536
_LIGHT_BYTES = 2 * _LIGHT_VALUES


async def split(body: bytes, media_type: bytes, most: int) -> list[Reading | GatewayError]:
    """The events in order, a bad one as the error that refuses it.

    Raises Malformed when the body is no array at all, TooLarge beyond ``most`` events; and counts before it looks at
    any of them, because a few megabytes hold millions of things that are no events.
    """
    if len(body) > _MOST_VALUES and separators(body) > _MOST_VALUES:
        raise TooLarge(f"The batch has more than {_MOST_VALUES} commas and brackets: send it in smaller parts.")
    return await (_lines(body, most) if media_type == NDJSON else _array(body, most))


def parse_event(body: bytes) -> Reading:
    """Raises Malformed, InvalidEvent, or TooLarge."""
    event = _event_or_error(body)
    if isinstance(event, Reading):
        return event
    try:
        raise event
    finally:
        del event  # or it, its traceback and this frame would hold each other, and the body


async def _lines(body: bytes, most: int) -> list[Reading | GatewayError]:
    lines = [line[1] for line in islice(_LINE.finditer(body.rstrip()), most + 1)]
    _check_count(len(lines), most)
    if _is_light(body) and len(body) <= AT_ONCE_BYTES and (events := parse_each(lines)) is not None:
        return [*events]
    return await in_turns(_event_or_error, lines)


async def _array(body: bytes, most: int) -> list[Reading | GatewayError]:
    light = _is_light(body)
    if light and len(body) <= AT_ONCE_BYTES and body.count(_IN_EACH) <= most:
        events = parse_all(body)
        if events is not None and len(events) <= most:
            return [*events]  # one pass for the usual case: all are good
    try:
        found = await _items(body, most + 1, light)
    except ValueError as error:
        raise Malformed(f"A JSON array of events is expected: {error}") from None
    _check_count(len(found), most)
    return await in_turns(_event_or_error, found)


def _is_light(body: bytes) -> bool:
    return len(body) <= _LIGHT_BYTES or separators(body) <= _LIGHT_VALUES


async def _items(body: bytes, most: int, light: bool) -> list[bytes]:
    if light:
        if (found := items(body, most)) is not None:
            return found
        if len(body) <= AT_ONCE_BYTES:
            return items_closely(body, most)
    return await scan(body, most)


def _check_count(events: int, most: int) -> None:
    if events > most:
        raise TooLarge(f"The batch has more than the {most} events that are allowed.")


def _event_or_error(body: bytes) -> Reading | GatewayError:
    """Not raised, the error does not hold on to what it was made of: a thousand of those are a lot of memory."""
    if len(body) > MAX_RECORD_BYTES:
        return TooLarge(f"The event takes {len(body)} bytes as JSON; at most {MAX_RECORD_BYTES} fit a record.")
    try:
        return parse(body)
    except ValidationError as error:
        return from_validation(error)


_IN_EACH: Final = b'"event_type"'
_LINE: Final = re.compile(rb"\s*+([^\n]+)")

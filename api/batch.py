"""A batch's body to its events: a bad one never drags its neighbours along."""

from functools import cache
from io import BytesIO
from itertools import islice
from typing import Annotated

from pydantic import FailFast, Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from api.admission import NDJSON
from api.errors import GatewayError, Malformed, TooLarge, from_validation
from contract.event import Event, parse


def split(body: bytes, media_type: bytes, most: int) -> list[Event | GatewayError]:
    """The events in order, a bad one as the error that refuses it.

    Raises Malformed when the body is no array at all, TooLarge beyond ``most`` events; and counts before it looks at
    any of them, because a few megabytes hold millions of things that are no events.
    """
    return _lines(body, most) if media_type == NDJSON else _array(body, most)


def parse_event(body: bytes) -> Event:
    """Raises Malformed or InvalidEvent."""
    try:
        return parse(body)
    except ValidationError as error:
        raise from_validation(error) from None


def _lines(body: bytes, most: int) -> list[Event | GatewayError]:
    lines = list(islice((line for line in BytesIO(body) if line.strip()), most + 1))
    _check_count(len(lines), most)
    return [_event_or_error(line) for line in lines]


def _array(body: bytes, most: int) -> list[Event | GatewayError]:
    try:
        return list(_events(most).validate_json(body))  # one pass for the usual case: all are good
    except ValidationError as error:
        if fault := _fault_of_the_whole(error):
            raise Malformed(f"A JSON array of events is expected: {fault}") from None
    items = from_json(body)
    _check_count(len(items), most)
    return [_event_or_error(to_json(item, inf_nan_mode="constants")) for item in items]


def _fault_of_the_whole(error: ValidationError) -> str | None:
    if error.error_count() > 1:  # such a fault stands alone
        return None
    (fault,) = error.errors(include_url=False, include_context=False, include_input=False)
    return fault["msg"] if fault["type"] in ("json_invalid", "list_type") else None


def _check_count(events: int, most: int) -> None:
    if events > most:
        raise TooLarge(f"The batch has more than the {most} events that are allowed.")


def _event_or_error(body: bytes) -> Event | GatewayError:
    try:
        return parse_event(body)
    except GatewayError as error:
        return error


@cache
def _events(most: int) -> TypeAdapter[list[Event]]:
    return TypeAdapter(Annotated[list[Event], Field(max_length=most), FailFast()])

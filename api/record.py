"""What an event becomes on its way out, and what became of it."""

from asyncio import get_running_loop
from datetime import UTC, datetime
from os import urandom
from time import time_ns
from typing import NamedTuple
from uuid import UUID

from pydantic import ValidationError

from api.errors import GatewayError, TooLarge, from_validation
from contract.event import SCHEMA_VERSION, Event, encode
from contract.topics import MAX_RECORD_BYTES

_HEADROOM = 2_048  # what key, headers and framing add to a value, at most


class Record(NamedTuple):
    """A record for the topic ``events``; records with the same key keep their order."""

    event_id: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]

    @property
    def size(self) -> int:
        """Bytes that count against the limits in flight and in the spool."""
        return len(self.key) + len(self.value) + 128  # headers and bookkeeping, rounded up


class Published(NamedTuple):
    """The broker has it, there."""

    partition: int
    offset: int


class Spooled:
    """The disk has it; Kafka will get it when it is back."""


SPOOLED = Spooled()
Accepted = Published | Spooled
Result = Accepted | GatewayError


class Receipt:
    """The results of one request's events, in order. Lives on the event loop."""

    __slots__ = ("_done", "_open", "_results")

    def __init__(self, size: int) -> None:
        self._results: list[Result] = [SPOOLED] * size  # each is overwritten before anybody sees it
        self._open = size
        self._done = get_running_loop().create_future()
        if not size:
            self._done.set_result(None)

    def settle(self, index: int, result: Result) -> None:
        """Must be called once for each index."""
        self._results[index] = result
        self._open -= 1
        if not self._open and not self._done.done():  # done before its time only when its request was cancelled
            self._done.set_result(None)

    async def results(self) -> list[Result]:
        """Returns when the last result is known."""
        await self._done
        return self._results


def record_of(event: Event, request_id: bytes, traceparent: bytes | None) -> Record:
    """The event's record, with an id and the time of receipt. Raises InvalidEvent or TooLarge."""
    event_id = event.event_id or uuid7()
    received_at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    try:
        value = encode(event, event_id, received_at)
    except ValidationError as error:
        raise from_validation(error) from None
    if len(value) > MAX_RECORD_BYTES - _HEADROOM:
        raise TooLarge(
            f"The event takes {len(value)} bytes as JSON; at most {MAX_RECORD_BYTES - _HEADROOM} fit a record."
        )
    headers = [("schema_version", SCHEMA_VERSION), ("request_id", request_id)]
    if traceparent is not None:
        headers.append(("traceparent", traceparent))
    return Record(str(event_id), event.user_id.encode(), value, headers)


def uuid7() -> UUID:
    """RFC 9562 §5.7: 48 bits of Unix milliseconds, then random bits, so new rows fall side by side in the index."""
    random = int.from_bytes(urandom(10))
    return UUID(
        int=(time_ns() // 1_000_000 & 0xFFFF_FFFF_FFFF) << 80
        | 0x7 << 76
        | (random >> 62 & 0xFFF) << 64
        | 0b10 << 62
        | random & 0x3FFF_FFFF_FFFF_FFFF
    )

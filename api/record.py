"""What an event becomes on its way out, and what became of it."""

from asyncio import get_running_loop
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, count, repeat
from random import getrandbits
from time import gmtime, strftime, time_ns
from typing import TypeGuard, TypeVar

import msgspec
from pydantic import ValidationError

from api.errors import GatewayError, TooLarge, from_validation
from contract.codec import encode, encode_all
from contract.event import SCHEMA_VERSION
from contract.plain import Reading
from contract.topics import MAX_RECORD_BYTES

T = TypeVar("T")

_FRAME_BYTES = 128  # headers and bookkeeping of a record, rounded up
_HEADROOM = 2_048  # what key, headers and framing add to a value, at most


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record for the topic ``events``; records with the same key keep their order.

    Made for each event and never part of a cycle, so the garbage collector need not look at it.
    """

    event_id: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]

    @property
    def size(self) -> int:
        """Bytes that count against the limits in flight and in the spool."""
        return len(self.key) + len(self.value) + _FRAME_BYTES


def size_of(records: Iterable[Record]) -> int:
    """The sum of their sizes, without a call for each."""
    return sum([len(record.key) + len(record.value) + _FRAME_BYTES for record in records])


def are_all(things: Sequence[object], kind: type[T]) -> TypeGuard[Sequence[T]]:
    """Whether they are of this very type."""
    return {*map(type, things)} <= {kind}


class Published(msgspec.Struct, frozen=True, gc=False):
    """The broker has it, there."""

    partition: int
    offset: int


class Spooled:
    """The disk has it; Kafka will get it when it is back."""


SPOOLED = Spooled()
Accepted = Published | Spooled
Result = Accepted | GatewayError


class Receipt:
    """The results of one request's events. Lives on the event loop."""

    __slots__ = ("_done", "_results", "_size")

    def __init__(self, size: int) -> None:
        self._results: dict[int, Result] = {}
        self._size = size
        self._done = get_running_loop().create_future()
        if not size:
            self._done.set_result(None)

    def settle(self, results: Mapping[int, Result]) -> None:
        """By the events' places in the request; each place must come once."""
        self._results.update(results)
        if len(self._results) == self._size and not self._done.done():  # as it is when its request was cancelled
            self._done.set_result(None)

    async def results(self) -> list[Result]:
        """In order; returns when the last one is known."""
        await self._done
        return [*map(self._results.__getitem__, range(self._size))]


class Arrival:
    """What the records of one request share: the time of receipt, and the headers."""

    __slots__ = ("_headers", "_ids", "_received_at")

    def __init__(self, request_id: bytes, traceparent: bytes | None) -> None:
        self._received_at = now()
        self._ids = uuids7()
        self._headers = [_VERSION, ("request_id", request_id)]
        if traceparent is not None:
            self._headers.append(("traceparent", traceparent))

    def record(self, event: Reading) -> Record:
        """The event's record, with an id if it has none. Raises InvalidEvent or TooLarge."""
        event_id = event.event_id or next(self._ids)
        try:
            value = encode(event, event_id, self._received_at)
        except ValidationError as error:
            raise from_validation(error) from None
        if len(value) > _MOST_BYTES:
            raise TooLarge(f"The event takes {len(value)} bytes as JSON; at most {_MOST_BYTES} fit a record.")
        return Record(event_id, event.user_id.encode(), value, self._headers)

    def records(self, events: Sequence[Reading]) -> list[Record] | None:
        """The same of many at once, at half the price; None when one of them needs a closer look."""
        ids = [event.event_id or new for event, new in zip(events, self._ids, strict=False)]
        values = encode_all(events, ids, self._received_at)
        if values is None or max(map(len, values), default=0) > _MOST_BYTES:
            return None
        return [*map(Record, ids, [event.user_id.encode() for event in events], values, repeat(self._headers))]


def now() -> str:
    """RFC 3339 in UTC, with microseconds."""
    seconds, nanoseconds = divmod(time_ns(), 1_000_000_000)
    return f"{_whole(seconds)}.{nanoseconds // 1000:06d}Z"


@lru_cache(maxsize=1)
def _whole(seconds: int) -> str:
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(seconds))


def uuids7() -> Iterator[str]:
    """RFC 9562 §5.7: 48 bits of Unix milliseconds, then random bits, so new rows fall side by side in the index.

    Each is the one before plus 1 (§6.2, method 2) in its last 48 bits. They need to be unique, not hard to guess.
    """
    bits = getrandbits(74)
    tail = "%03x%016x" % (bits >> 62, 1 << 63 | bits & _62_BITS)  # noqa: UP031  a third faster than an f-string
    head = f"{_head(time_ns() // 1_000_000)}{tail[:3]}-{tail[3:7]}-"
    return chain((head + tail[7:],), chain.from_iterable(_counted_on(head, (bits & _48_BITS) + 1)))


def _counted_on(head: str, first: int) -> Iterator[Iterator[str]]:
    """By blocks of those that differ in their last two digits: their other ten are written once."""
    block, start = divmod(first, len(_LAST_DIGITS))
    for number in count(block):
        yield map(f"{head}{number & _40_BITS:010x}".__add__, _LAST_DIGITS[start:])
        start = 0


@lru_cache(maxsize=1)
def _head(milliseconds: int) -> str:
    return f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7"


_LAST_DIGITS = [f"{number:02x}" for number in range(256)]
_40_BITS = 2**40 - 1
_48_BITS = 2**48 - 1
_62_BITS = 2**62 - 1
_VERSION = ("schema_version", SCHEMA_VERSION)
_MOST_BYTES = MAX_RECORD_BYTES - _HEADROOM

"""What the two hot endpoints answer: where each event is, or the problem."""

from collections.abc import Mapping, Sequence
from itertools import count, repeat
from typing import Any, Final, NamedTuple, Self

import msgspec
from msgspec import UNSET, UnsetType, convert
from pydantic_core import to_json
from starlette.types import Send

from api.errors import GatewayError
from api.record import Accepted, Published, Record, Result, are_all
from contract.topics import EVENTS


class Answer(NamedTuple):
    """``event_id`` is one of the events it accepts."""

    status: int
    body: bytes
    media_type: bytes = b"application/json"
    headers: Mapping[str, str] = {}
    event_id: str | None = None

    @classmethod
    def of_event(cls, record: Record, result: Accepted) -> Self:
        status = 201 if isinstance(result, Published) else 202
        return cls(status, _encode(_place(UNSET, record, result)), event_id=record.event_id)

    @classmethod
    def of_events(cls, records: Sequence[Record | GatewayError], results: Sequence[Result]) -> Self:
        told: Sequence[_Place | _Rejection]
        told = _all_published(records, results) or [*map(_result, count(), records, results)]
        event_id = next((each.event_id for each in told if isinstance(each, _Place)), None)
        return cls(200, b'{"results":%s}' % _encode(told), event_id=event_id)

    @classmethod
    def refusal(cls, error: GatewayError, request_id: bytes) -> Self:
        wait = {} if error.retry_after is None else {"retry-after": str(error.retry_after)}
        return cls.problem(error.status, error.problem(request_id.decode()), {**error.headers, **wait})

    @classmethod
    def problem(cls, status: int, problem: dict[str, Any], headers: Mapping[str, str]) -> Self:
        return cls(status, to_json(problem), b"application/problem+json", headers)

    async def send(self, send: Send, request_id: bytes) -> None:
        headers = [
            (b"content-type", self.media_type),
            (b"content-length", b"%d" % len(self.body)),
            (b"x-request-id", request_id),
        ]
        if self.headers:
            headers += [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class _Place(msgspec.Struct, gc=False):
    """Where an accepted event is. ``index`` is its place in the request, in the answer to a batch."""

    index: int | UnsetType
    event_id: str
    status: str
    topic: str | UnsetType
    partition: int | UnsetType
    offset: int | UnsetType


class _Rejection(msgspec.Struct, gc=False):
    """What is wrong with one event of a batch."""

    index: int
    status: str
    problem: msgspec.Raw


class Told(msgspec.Struct, gc=False):
    """What an answer says of an event it accepts."""

    event_id: str
    status: str
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None


def accepted(answer: bytes) -> list[Told]:
    """What an answer says of the events it accepts."""
    results = _OF_MANY.decode(answer).results
    if results is None:
        return [_OF_ONE.decode(answer)]
    return [convert(each, Told) for each in results if "event_id" in each]


def _all_published(records: Sequence[Record | GatewayError], results: Sequence[Result]) -> list[_Place] | None:
    """The usual case, without a call for each."""
    if not are_all(records, Record) or not are_all(results, Published):
        return None
    ids, partitions = [record.event_id for record in records], [place.partition for place in results]
    offsets = [place.offset for place in results]
    return [*map(_Place, count(), ids, repeat("published"), repeat(EVENTS.name), partitions, offsets)]


def _result(index: int, record: Record | GatewayError, result: Result) -> _Place | _Rejection:
    """What a batch's answer says of one event."""
    if isinstance(result, GatewayError):
        return _Rejection(index, "rejected", msgspec.Raw(to_json(result.problem())))
    assert isinstance(record, Record)  # it was accepted
    return _place(index, record, result)


def _place(index: int | UnsetType, record: Record, result: Accepted) -> _Place:
    if isinstance(result, Published):
        return _Place(index, record.event_id, "published", EVENTS.name, result.partition, result.offset)
    return _Place(index, record.event_id, "spooled", UNSET, UNSET, UNSET)


class _Many(msgspec.Struct):
    results: list[dict[str, Any]] | None = None


_encode: Final = msgspec.json.Encoder().encode
_OF_ONE: Final = msgspec.json.Decoder(Told)
_OF_MANY: Final = msgspec.json.Decoder(_Many)

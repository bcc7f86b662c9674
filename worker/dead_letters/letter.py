"""A dead letter as it lies in ``events.dlq``: the record unchanged, and headers that tell why and where from."""

from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any, NamedTuple, Self

from pydantic_core import from_json

from contract.topics import EVENTS
from worker.batch import DeadRecord
from worker.metrics import Parked

Headers = list[tuple[str, bytes]]

_MOST_BYTES = 1_150_000
"""Key, value and headers of a letter; a compressed record can be larger than any topic takes uncompressed."""

_KEY_BYTES = 1_000
"""What is kept of the key of a record that is too large."""


class Header(StrEnum):
    """What parking adds to a record's own headers."""

    REASON = "dead_letter_reason"
    DETAIL = "dead_letter_detail"
    GROUP = "dead_letter_group"
    TOPIC = "origin_topic"
    PARTITION = "origin_partition"
    OFFSET = "origin_offset"
    TIMESTAMP_MS = "origin_timestamp_ms"
    VALUE = "origin_value"  # "bytes", "null", or "left out": then it is to be found at its origin only
    REPLAYED = "dead_letter_replayed"  # a note, no letter: the offset of a letter that went back to the events


_ADDED = frozenset(Header)


class Letter(NamedTuple):
    """``offset`` is the letter's own; ``parked_at`` in Unix seconds; ``origin`` as topic/partition@offset."""

    offset: int
    parked_at: float
    reason: str
    detail: str
    origin: str
    key: bytes | None
    value: bytes | None
    headers: Headers

    @classmethod
    def read(cls, record: Any) -> Self:
        """From a record of kafka-python's consumer."""
        added = {name: value.decode(errors="replace") for name, value in record.headers if name in _ADDED}
        topic, partition, offset = (added.get(name, "?") for name in (Header.TOPIC, Header.PARTITION, Header.OFFSET))
        return cls(
            record.offset,
            record.timestamp / 1000,
            added.get(Header.REASON, "?"),
            added.get(Header.DETAIL, ""),
            f"{topic}/{partition}@{offset}",
            record.key,
            record.value if added.get(Header.VALUE, "bytes") == "bytes" else None,
            [(name, value) for name, value in record.headers if name not in _ADDED],
        )

    @property
    def event_id(self) -> str | None:
        told = event_in(self.value).get("event_id")
        return told.lower() if isinstance(told, str) else None


def event_in(value: bytes | None) -> dict[str, Any]:
    """What a value that may be anything holds of an event; empty when it is no object in JSON."""
    with suppress(ValueError):
        event = from_json(value or b"", allow_inf_nan=False)
        if isinstance(event, dict):
            return event
    return {}


def replayed_offset(record: Any) -> int | None:
    """The letter this record notes as replayed, if it is such a note."""
    return next((int(value) for name, value in record.headers if name == Header.REPLAYED), None)


def write(dead: DeadRecord, group: str) -> tuple[bytes | None, bytes, Headers]:
    """Key, value and headers of the letter for a record; a missing value goes as an empty one, which needs no key."""
    record = dead.record
    own: Headers = [(name, value or b"") for name, value in record.headers]
    key, value, kind = record.key, record.value or b"", "bytes"
    if dead.reason is Parked.UNREADABLE:
        kind = "left out"
    elif record.value is None:
        kind = "null"
    if len(key or b"") + len(value) + _size(own) > _MOST_BYTES:
        key, value, own, kind = (key or b"")[:_KEY_BYTES], b"", [], "left out"
    return key, value, own + [(name, str(text).encode()) for name, text in _why_and_where(dead, group, kind)]


def _why_and_where(dead: DeadRecord, group: str, kind: str) -> Sequence[tuple[Header, object]]:
    record = dead.record
    return (
        (Header.REASON, dead.reason),
        (Header.DETAIL, dead.detail[:1000]),
        (Header.GROUP, group),
        (Header.TOPIC, EVENTS.name),
        (Header.PARTITION, record.partition),
        (Header.OFFSET, record.offset),
        (Header.TIMESTAMP_MS, record.timestamp),
        (Header.VALUE, kind),
    )


def _size(headers: Headers) -> int:
    return sum(len(name) + len(value) for name, value in headers)

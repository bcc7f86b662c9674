"""A poll's records, decoded: the unit that is logged, stored and committed as one."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec
from kafka.structs import TopicPartition
from pydantic import ValidationError

from contract.codec import decode, decode_all
from contract.event import SCHEMA_VERSION
from contract.plain import StoredReading
from worker.errors import Undecodable
from worker.metrics import Parked
from worker.rows import row
from worker.unpacking import Headers, Record

Place = tuple[int, int]
"""Partition and offset."""


class EventRecord(msgspec.Struct, gc=False):
    """A record that holds an event, and the event's row, which is made while the last batch is being stored."""

    record: Record
    event: StoredReading
    request_id: str | None
    row: str


class DeadRecord(NamedTuple):
    """A record as Kafka handed it over, and why it is no event of ours."""

    record: Record
    reason: Parked
    detail: str

    @property
    def place(self) -> Place:
        return self.record.partition, self.record.offset


class Span(NamedTuple):
    """What a batch covers of a partition: from ``expected`` up to but not including ``next_offset``."""

    expected: int
    next_offset: int


class Batch:
    """``spans`` is by partition; ``polled_at`` in Unix seconds; ``parked`` are places of dead letters."""

    def __init__(self, polled_at: float) -> None:
        self.polled_at = polled_at
        self.events: list[EventRecord] = []
        self.dead: list[DeadRecord] = []
        self.spans: dict[int, Span] = {}
        self.parked: set[Place] = set()

    def __len__(self) -> int:
        return len(self.events) + len(self.dead)

    def fates(self, dead: Collection[Place]) -> list[bool]:
        """For each record, in the order of partitions and offsets, whether it is among these."""
        if not dead:
            return [False] * len(self)
        places = [(event.record.partition, event.record.offset) for event in self.events]
        return [place in dead for place in sorted(places + [record.place for record in self.dead])]

    def bury(self, dead: DeadRecord) -> None:
        """Add a record that could not even be handed over."""
        partition, offset = dead.place
        self.dead.append(dead)
        self.spans[partition] = Span(offset, offset + 1)

    def add(self, partition: TopicPartition, expected: int, records: Sequence[Record]) -> None:
        """Decode a partition's records, at least one; ``expected`` is the offset the table has for it."""
        events = _decode_all(records)
        if events is None:
            self._add_singly(records)
        else:
            self.events += events
        self.spans[partition.partition] = Span(expected, records[-1].offset + 1)

    def _add_singly(self, records: Sequence[Record]) -> None:
        for record in records:
            try:
                self.events.append(_decode(record))
            except Undecodable as error:
                self.dead.append(DeadRecord(record, error.reason, error.detail))


def _decode_all(records: Sequence[Record]) -> list[EventRecord] | None:
    """In half the time it takes one by one; None when one of them needs a closer look."""
    values = [record.value for record in records if record.value]
    events = decode_all(values) if len(values) == len(records) else None
    if events is None:
        return None
    try:
        return [
            _event_record(record, event, _request_id(record.headers))
            for record, event in zip(records, events, strict=True)
        ]
    except Undecodable:
        return None


def _decode(record: Record) -> EventRecord:
    request_id = _request_id(record.headers)
    if not record.value:
        raise Undecodable(Parked.EMPTY, "the record has no value")
    try:
        event = decode(record.value)
    except ValidationError as error:
        raise _undecodable(error) from None
    return _event_record(record, event, request_id)


def _event_record(record: Record, event: StoredReading, request_id: str | None) -> EventRecord:
    return EventRecord(record, event, request_id, row(event, record, request_id))


@lru_cache(maxsize=16)
def _request_id(headers: Headers) -> str | None:
    """None for what the gateway would not have written: it might cost the event its row.

    Raises Undecodable when the headers tell of another version.
    """
    told = dict(headers)
    version = told.get("schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        raise Undecodable(Parked.VERSION, f"schema_version is {version!r}; this worker knows {SCHEMA_VERSION!r}")
    text = (told.get("request_id") or b"").decode("ascii", "replace")
    return text if text.isascii() and text.isprintable() and text else None


def _undecodable(error: ValidationError) -> Undecodable:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return Undecodable(Parked.MALFORMED, first["msg"])
    place = "/".join(map(str, first["loc"]))
    return Undecodable(Parked.INVALID, f"{place}: {first['msg']}" if place else first["msg"])

"""Records as a poll hands them over."""

from typing import Any

from kafka.structs import TopicPartition

from contract.event import SCHEMA_VERSION
from worker.batch import Batch, EventRecord
from worker.unpacking import Record

EVENT_ID = "0190a6f2-7c3a-7b1e-8f2a-0123456789ab"
APPENDED_MS = 1_767_261_600_750
HEADERS = (("schema_version", SCHEMA_VERSION), ("request_id", b"request-1"))


def value(fields: str = "", received_at: str = "2026-01-01T10:00:00.500000Z") -> bytes:
    return (
        f'{{"event_id":"{EVENT_ID}","event_type":"page.viewed","user_id":"user-42",{fields}'
        f'"received_at":"{received_at}"}}'
    ).encode()


def consumed(value: bytes | None, headers: Any = HEADERS, offset: int = 17, partition: int = 3) -> Record:
    return Record("events", partition, offset, APPENDED_MS, b"user-42", value, tuple(headers))


def batch_of(*records: Record) -> Batch:
    batch = Batch(0.0)
    batch.add(TopicPartition("events", records[0].partition), records[0].offset, records)
    return batch


def event_of(value: bytes, headers: Any = HEADERS, offset: int = 17) -> EventRecord:
    """The record with this value, decoded; fails when it holds no event."""
    (event,) = batch_of(consumed(value, headers, offset)).events
    return event

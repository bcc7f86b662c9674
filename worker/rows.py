"""Events as rows in COPY's text format: https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS"""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from msgspec import UnsetType
from msgspec.json import encode

from worker.batch import EventRecord

_NULL = r"\N"


def rows(events: Iterable[EventRecord]) -> bytes:
    """Lines with the columns of the query ``copy``, in its order."""
    return "".join(map(_row, events)).encode()


def _row(stored: EventRecord) -> str:
    event, record = stored.event, stored.record
    properties = encode(event.properties).decode().replace("\\", r"\\")  # JSON has no raw controls
    return (
        f"{event.event_id}\t{event.event_type}\t{_escape(event.user_id)}\t{event.occurred_at or _NULL}"
        f"\t{event.received_at}\t{_text(event.source)}\t{properties}\tevents"
        f"\t{record.partition}\t{record.offset}\t{_appended(stored.appended_at)}\t{_text(stored.request_id)}\n"
    )


def _text(value: str | UnsetType | None) -> str:
    return _escape(value) if isinstance(value, str) else _NULL


_appended = lru_cache(maxsize=64)(datetime.isoformat)  # records that were appended together have the same


def _escape(value: str) -> str:
    if value.isprintable() and "\\" not in value:
        return value
    return value.replace("\\", r"\\").replace("\n", r"\n").replace("\t", r"\t").replace("\r", r"\r")

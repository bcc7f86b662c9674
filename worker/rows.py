"""Events as rows in COPY's text format: https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS"""

from datetime import UTC, datetime
from functools import lru_cache

from msgspec import UnsetType
from msgspec.json import encode

from contract.plain import StoredReading
from worker.unpacking import Record

_NULL = r"\N"


def row(event: StoredReading, record: Record, request_id: str | None) -> str:
    """A line with the columns of the query ``copy``, in its order."""
    properties = encode(event.properties).decode().replace("\\", r"\\")  # JSON has no raw controls
    return (
        f"{event.event_id}\t{event.event_type}\t{_escape(event.user_id)}\t{event.occurred_at or _NULL}"
        f"\t{event.received_at}\t{_text(event.source)}\t{properties}\tevents"
        f"\t{record.partition}\t{record.offset}\t{_instant(record.timestamp)}\t{_text(request_id)}\n"
    )


@lru_cache(maxsize=64)  # records that were appended together have the same
def _instant(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()


def _text(value: str | UnsetType | None) -> str:
    return _escape(value) if isinstance(value, str) else _NULL


def _escape(value: str) -> str:
    if value.isprintable() and "\\" not in value:
        return value
    return value.replace("\\", r"\\").replace("\n", r"\n").replace("\t", r"\t").replace("\r", r"\r")

"""Records for the spool, and what is done to its file."""

from pathlib import Path

from api.record import Record
from api.spool import SpooledRecord, SpoolFile


def record(name: str = "event", key: bytes = b"key", value: bytes = b"{}") -> Record:
    return Record(name, key, value, [("schema_version", b"1"), ("request_id", b"r")])


def spooled(seq: int, spooled_at: float = 1.0) -> SpooledRecord:
    return SpooledRecord(seq, record(f"event-{seq}"), spooled_at)


def everything(file: SpoolFile) -> list[int]:
    return [found.seq for found in file.read(10**9, 10**9)]


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 4)
        file.write(b"\xa5" * 4096 * 1000)

"""The spool's file: an SQLite database in which a returned commit is a record on disk."""

import fcntl
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from math import inf
from os import replace
from pathlib import Path
from time import strftime
from typing import NamedTuple, Self

from loguru import logger
from pydantic import TypeAdapter

from api.record import Record

_APPLICATION_ID = 0x45564E54  # "EVNT": tells our files from others'
_SCHEMA = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS records (
        seq INTEGER PRIMARY KEY,
        event_id TEXT NOT NULL,
        key BLOB NOT NULL,
        value BLOB NOT NULL,
        headers BLOB NOT NULL,
        spooled_at REAL NOT NULL
    );
    -- Records the broker will not take as things are; whoever opens the file anew tries them again.
    CREATE TABLE IF NOT EXISTS refused (seq INTEGER PRIMARY KEY, reason TEXT NOT NULL);
    DELETE FROM refused;
"""
_HEADERS = TypeAdapter(list[tuple[str, bytes]])


class SpooledRecord(NamedTuple):
    """A record and its place in the order of arrival; ``spooled_at`` is in Unix seconds."""

    seq: int
    record: Record
    spooled_at: float

    @property
    def request_id(self) -> str:
        return dict(self.record.headers).get("request_id", b"").decode()


class SpoolBusy(Exception):
    """Another process has the file open."""


class SpoolFile:
    """Blocking access for one process at a time; raises sqlite3.Error when the disk refuses.

    Opening sets a corrupt or foreign file aside under a new name, says so, and begins an empty one.
    Raises SpoolBusy when another process has it, OSError when the folder cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = path.with_name(path.name + ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._database = _open_or_set_aside(path)
        except BlockingIOError as error:
            self._lock.close()
            raise SpoolBusy(f"another process has the spool {path} open") from error
        except BaseException:
            self._lock.close()
            raise

    @classmethod
    def first_free(cls, path: Path) -> Self:
        """The first of ``path``, ``path-2``, ``path-3`` … that no other process has: gateways may share a folder."""
        for number in count(1):
            try:
                return cls(path if number == 1 else path.with_stem(f"{path.stem}-{number}"))
            except SpoolBusy:
                continue
        raise AssertionError  # count() has no end

    def write(
        self, arriving: Iterable[SpooledRecord], leaving: Iterable[int], refused: Mapping[int, str] | None = None
    ) -> None:
        """Add records, remove others, and leave some out of ``read``: all or nothing, and on disk on return."""
        with self._database as transaction:
            transaction.executemany("DELETE FROM records WHERE seq = ?", ((seq,) for seq in leaving))
            transaction.executemany(
                "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)",
                ((s.seq, r.event_id, r.key, r.value, _HEADERS.dump_json(r.headers), s.spooled_at)
                 for s in arriving for r in (s.record,)),
            )  # fmt: skip
            transaction.executemany("INSERT OR REPLACE INTO refused VALUES (?, ?)", (refused or {}).items())

    def read(self, before: int, limit: int, most_bytes: float = inf) -> list[SpooledRecord]:
        """The oldest records whose ``seq`` is below ``before``, in order, without those refused.

        The one that exceeds ``most_bytes`` is the last.
        """
        rows = self._database.execute(
            "SELECT * FROM records WHERE seq < ? AND seq NOT IN (SELECT seq FROM refused) ORDER BY seq LIMIT ?",
            (before, limit),
        )
        found, size = list[SpooledRecord](), 0
        for spooled in records(rows):
            found.append(spooled)
            size += spooled.record.size
            if size > most_bytes:
                break
        return found

    def keys(self) -> Iterator[bytes]:
        """Each record's key."""
        return (key for (key,) in self._database.execute("SELECT key FROM records"))

    def totals(self) -> tuple[int, float, int]:
        """Bytes as the limit counts them, Unix time of the oldest record (0 when empty), highest ``seq``."""
        total: tuple[int, float, int] = self._database.execute(
            "SELECT coalesce(sum(length(key) + length(value) + 128), 0), coalesce(min(spooled_at), 0),"
            " coalesce(max(seq), 0) FROM records"
        ).fetchone()
        return total

    def begin_anew(self, error: sqlite3.DatabaseError) -> None:
        """Set the damaged file aside, and go on with an empty one."""
        self._database.close()
        _set_aside(self.path, error)
        self._database = _open(self.path)

    def close(self) -> None:
        self._database.close()
        self._lock.close()


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file's content is at fault; a full or read-only disk says nothing about that."""
    kinds = (sqlite3.OperationalError, sqlite3.IntegrityError, sqlite3.ProgrammingError)
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, kinds)


def records(rows: Iterable[tuple[int, str, bytes, bytes, bytes, float]]) -> Iterator[SpooledRecord]:
    """From rows of the table ``records``."""
    for seq, event_id, key, value, headers, spooled_at in rows:
        yield SpooledRecord(seq, Record(event_id, key, value, _HEADERS.validate_json(headers)), spooled_at)


def is_ours(path: Path) -> bool:
    """Whether this is a spool of a gateway, as far as its head tells. Raises sqlite3.Error."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        application: int = database.execute("PRAGMA application_id").fetchone()[0]
    finally:
        database.close()
    return application == _APPLICATION_ID


def _open_or_set_aside(path: Path) -> sqlite3.Connection:
    try:
        return _open(path)
    except sqlite3.DatabaseError as error:
        _set_aside(path, error)
        return _open(path)


def _open(path: Path) -> sqlite3.Connection:
    # One thread at a time uses the connection, but not always the one that opened it.
    database = sqlite3.connect(path, check_same_thread=False)
    try:
        application = database.execute("PRAGMA application_id").fetchone()[0]
        tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and application != _APPLICATION_ID:
            raise sqlite3.DatabaseError("it is a database of another program")
        verdict = database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        database.executescript(_SCHEMA)
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database


def _set_aside(path: Path, error: sqlite3.DatabaseError) -> None:
    if not is_damage(error):
        raise error
    aside = path.with_name(f"{path.name}.damaged-{strftime('%Y%m%dT%H%M%S')}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            replace(part, aside.with_name(aside.name + suffix))
    logger.error("the spool {} cannot be read ({}): set aside as {}, beginning an empty one", path, error, aside.name)

"""PostgreSQL: a batch's rows and its offsets in one transaction, so an event counts exactly once in effect.

The offsets are moved by compare-and-set before anything else: a worker that has lost its partitions without noticing
fails there and stores nothing. ``event_id`` is the primary key: a repeat is left out and counted.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Stop
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from loguru import logger

from worker.batch import Batch, DeadRecord, EventRecord, Span
from worker.connection import Connection
from worker.errors import Fenced, StoreUnavailable
from worker.metrics import Parked, Trouble

_CHUNK = 250  # rows
_BLAMES_THE_ROW = ("22", "23", "54")  # SQLSTATE classes: data exception, constraint violation, program limit
_TROUBLES = {
    "08": Trouble.CONNECTION,
    "40": Trouble.CONFLICT,
    "53": Trouble.RESOURCES,
    "57": Trouble.CONNECTION,
}
_OPTIONS = "-c statement_timeout=30s -c lock_timeout=5s -c idle_in_transaction_session_timeout=15s"


class Tally(NamedTuple):
    """What became of a batch's records."""

    stored: int
    duplicate: int
    dead: int


Park = Callable[[Batch, Sequence[DeadRecord]], None]
"""Called before the commit with all that is no row: what was no event, and the events PostgreSQL refuses.

When it raises, nothing of the batch is stored.
"""


class Store:
    """One connection, made when it is needed. Not thread-safe; every method may block and raise StoreUnavailable.

    ``stop`` cuts short the wait for a server that does not answer.
    """

    def __init__(self, database_url: str, group: str, topic: str, stop: Stop) -> None:
        self._database_url, self._stop = database_url, stop
        self._names = {"group": group, "topic": topic}
        self._open: Connection | None = None

    def offsets(self) -> dict[int, int]:
        """The next offset to store, by partition; partitions nobody has stored from are absent."""
        with self._transaction() as connection:
            return dict(connection.execute(SQL["offsets"], self._names).fetchall())

    def recognise(self, topic_id: UUID) -> bool:
        """Whether the offsets are of a topic of the same name that was deleted; they are forgotten then."""
        with self._transaction() as connection:
            told = {**self._names, "topic_id": topic_id}
            forgotten = connection.execute(SQL["forget_former_life"], told).rowcount
            connection.execute(SQL["note_life"], told)
        return forgotten > 0

    def claim(self, partition: int, offset: int) -> None:
        """Begin a partition at ``offset``, unless somebody has begun it."""
        with self._transaction() as connection:
            connection.execute(SQL["claim"], {**self._names, "partition": partition, "offset": offset})

    def move(self, partition: int, span: Span) -> None:
        """Move a partition's offset without storing anything. Raises Fenced when it is not where ``span`` begins."""
        with self._transaction() as connection:
            self._advance(connection, {partition: span})

    def store(self, batch: Batch, park: Park) -> Tally:
        """All of the batch with its offsets, or nothing. Raises Fenced, and what ``park`` raises."""
        dead = list(batch.dead)
        with self._transaction() as connection:
            self._advance(connection, batch.spans)
            stored = _insert(connection, batch.events, dead) if batch.events else 0
            if dead:
                park(batch, dead)
        return Tally(stored, len(batch) - len(dead) - stored, len(dead))

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _advance(self, connection: Connection, spans: Mapping[int, Span]) -> None:
        moved = connection.execute(
            SQL["advance"],
            {
                **self._names,
                "partitions": list(spans),
                "expected": [span.expected for span in spans.values()],
                "next": [span.next_offset for span in spans.values()],
            },
        ).rowcount
        if moved != len(spans):
            raise Fenced(f"{len(spans) - moved} of {len(spans)} partitions have moved on without this worker")

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            connection = self._open or self._connect()
            with connection.transaction():
                yield connection
        except psycopg.Error as error:
            self.close()
            raise StoreUnavailable(_trouble(error), str(error).strip() or type(error).__name__) from error

    def _connect(self) -> Connection:
        self._open = connection = Connection.open(
            self._database_url, self._stop, application_name="worker", options=_OPTIONS
        )
        # Two workers that create the same table at once collide in the catalogue, so they queue.
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('events schema'))")
            connection.execute(_SCHEMA)
        connection.execute(SQL["staging"])
        logger.info("connected to PostgreSQL {}", connection.info.server_version)
        return connection


def _insert(connection: Connection, events: Sequence[EventRecord], refused: list[DeadRecord]) -> int:
    """Rows that were new. Straight into the table, which costs a quarter less; with a repeat among them, not so."""
    try:
        with connection.transaction():
            return _copy(connection, SQL["copy"], events)
    except psycopg.Error as error:
        if not _blames_a_row(error):
            raise
    return _insert_staged(connection, events, refused)


def _insert_staged(connection: Connection, events: Sequence[EventRecord], refused: list[DeadRecord]) -> int:
    """Without the repeats. A batch PostgreSQL refuses is halved until the one bad row stands alone."""
    try:
        with connection.transaction():
            _copy(connection, SQL["stage"], events)
            return connection.execute(SQL["insert"]).rowcount
    except psycopg.Error as error:
        if not _blames_a_row(error):
            raise
        if len(events) == 1:
            refused.append(DeadRecord(events[0].record, Parked.UNSTORABLE, str(error).splitlines()[0]))
            return 0
    middle = len(events) // 2
    stored = _insert_staged(connection, events[:middle], refused)
    connection.execute(SQL["clear"])
    return stored + _insert_staged(connection, events[middle:], refused)


def _copy(connection: Connection, query: bytes, events: Sequence[EventRecord]) -> int:
    with connection.cursor() as cursor:
        with cursor.copy(query) as copy:
            for first in range(0, len(events), _CHUNK):  # the server reads one while the next is made
                copy.write("".join([event.row for event in events[first : first + _CHUNK]]).encode())
        return cursor.rowcount


def _blames_a_row(error: psycopg.Error) -> bool:
    return (error.sqlstate or "").startswith(_BLAMES_THE_ROW)


def _trouble(error: psycopg.Error) -> Trouble:
    if error.sqlstate is None:  # the client's own: the connection is gone, or was never there
        return Trouble.CONNECTION
    return _TROUBLES.get(error.sqlstate[:2], Trouble.OTHER)


def _named(text: str) -> dict[str, Any]:
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], (part.strip().encode() for part in parts[1::2]), strict=True))


_HERE = Path(__file__).parent
_SCHEMA = _HERE.joinpath("schema.sql").read_bytes()
SQL = _named(_HERE.joinpath("queries.sql").read_text())

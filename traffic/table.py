"""The table of events, read only: the simulator's proof."""

from collections.abc import Collection, Iterator
from itertools import islice
from time import monotonic, sleep
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

CHUNK: Final = 5_000
LOOK_SECONDS: Final = 0.5
_COUNT: Final = "SELECT event_id::text, count(*) FROM events WHERE event_id = ANY(%s::uuid[]) GROUP BY event_id"


class TableUnreachable(Exception):
    """PostgreSQL does not answer, or refuses."""


class EventTable:
    """Counts rows by event_id; connects when needed, and again after an outage."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection | None = None

    def __str__(self) -> str:
        """Where it is, without the password."""
        try:
            parts = conninfo_to_dict(self._url)
        except psycopg.ProgrammingError:
            return "PostgreSQL at an address that cannot be read"
        return f"PostgreSQL at {parts.get('host')}:{parts.get('port', 5432)}, database {parts.get('dbname')}"

    def count(self, event_ids: Collection[str]) -> dict[str, int]:
        """How many rows each event has; events without one are left out. Raises TableUnreachable."""
        ids = iter(event_ids)
        rows: dict[str, int] = {}
        try:
            while chunk := list(islice(ids, CHUNK)):
                rows.update(self._connected().execute(_COUNT, (chunk,)).fetchall())
        except psycopg.errors.UndefinedTable:  # the first worker creates it
            return {}
        except psycopg.Error as error:
            self.close()
            raise TableUnreachable(f"{self}: {' '.join(str(error).split())}") from error
        return rows

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=5,
                application_name="simulator",
                options="-c default_transaction_read_only=on",
            )
        return self._connection


def drain(table: EventTable, accepted: Collection[str], timeout: float, stall: float) -> Iterator[int]:
    """How many accepted events are stored, look after look, until all are.

    Ends earlier after ``timeout`` seconds, or ``stall`` seconds without progress; an outage counts as no progress.
    """
    waiting = dict.fromkeys(accepted)
    begun = moved = monotonic()
    while True:
        found = _look(table, waiting)
        for event_id in found:
            del waiting[event_id]
        yield len(accepted) - len(waiting)
        now = monotonic()
        moved = now if found else moved
        if not waiting or now - begun > timeout or now - moved > stall:
            return
        sleep(LOOK_SECONDS)


def _look(table: EventTable, waiting: Collection[str]) -> Collection[str]:
    try:
        return table.count(waiting)
    except TableUnreachable:
        return ()

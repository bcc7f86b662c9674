"""How many rows the table has, counted beside the loop: a witness that no restart resets."""

from threading import Event, Thread
from types import TracebackType
from typing import Self

import psycopg

from worker.metrics import WorkerMetrics
from worker.store import SQL

_EVERY_SECONDS = 5.0
_COUNTED_UP_TO = 2_000_000  # rows; beyond it a count takes longer than it is worth, and PostgreSQL's estimate serves


class Census:
    """Keeps ``pipeline_store_table_rows`` up to date, on a thread of its own; without PostgreSQL it stays as it was."""

    def __init__(self, database_url: str, metrics: WorkerMetrics) -> None:
        self._database_url, self._rows = database_url, metrics.table_rows
        self._stop = Event()
        self._thread = Thread(target=self._run, name="census", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()

    def _run(self) -> None:
        rows = 0
        while not self._stop.wait(_EVERY_SECONDS if rows else 1.0):
            query = SQL["rows"] if rows < _COUNTED_UP_TO else SQL["rows_estimated"]
            try:
                with psycopg.connect(self._database_url, connect_timeout=3, application_name="census") as connection:
                    (rows,) = connection.execute(query).fetchone() or (0,)
            except psycopg.Error:  # the loop says so loudly enough
                continue
            self._rows.set(rows)

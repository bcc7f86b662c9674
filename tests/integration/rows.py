"""What really is in the table ``events``."""

from collections.abc import Collection
from typing import Any

import psycopg
from psycopg.rows import dict_row


class Rows:
    def __init__(self, database: psycopg.Connection) -> None:
        self._database = database

    def of(self, event_ids: Collection[str]) -> dict[str, dict[str, Any]]:
        """The rows of these events, by id."""
        cursor = self._database.cursor(row_factory=dict_row)
        found = cursor.execute("SELECT * FROM events WHERE event_id = ANY(%s::uuid[])", [list(event_ids)])
        return {str(row["event_id"]): row for row in found}

    def one(self, event_id: str) -> dict[str, Any] | None:
        return self.of([event_id]).get(event_id)

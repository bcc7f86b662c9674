"""PostgreSQL as the witness: how many rows there are, and how far they have come."""

from contextlib import suppress

import psycopg


class Database:
    """One connection; every method blocks."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def empty(self) -> None:
        """Remove all rows, where a worker has made the tables."""
        with suppress(psycopg.errors.UndefinedTable):
            self._connection.execute("TRUNCATE events")
            self._connection.execute("CHECKPOINT")  # now, not in the middle of what is measured next

    def rows(self) -> int:
        (count,) = self._connection.execute("SELECT count(*) FROM events").fetchone() or (0,)
        return int(count)

    def offsets(self, group: str) -> dict[int, int]:
        """The next offset to be stored, by partition."""
        query = "SELECT kafka_partition, next_offset FROM consumer_offsets WHERE consumer_group = %s"
        return dict(self._connection.execute(query, (group,)).fetchall())

    def close(self) -> None:
        self._connection.close()

"""A PostgreSQL connection that does not wait for ever: a frozen server ends no statement, whatever its timeouts say."""

from collections.abc import Generator
from threading import Event as Stop
from time import monotonic
from typing import Any, Self, TypeVar

import psycopg
from psycopg.abc import PQGen

R = TypeVar("R")

ANSWER_SECONDS = 35.0  # the server's own statement_timeout is 30
_STOPPING_SECONDS = 3.0


class Unanswered(psycopg.OperationalError):
    """The server did not answer in time; whether it did what was asked is unknown."""


class Connection(psycopg.Connection[Any]):
    """Raises Unanswered 35 s after a wait has begun, or 3 s when ``stop`` is set; then only ``close`` is left."""

    stop: Stop

    @classmethod
    def open(cls, url: str, stop: Stop, **settings: Any) -> Self:
        """As psycopg's ``connect``, without transactions of its own."""
        connection = cls.connect(
            url,
            autocommit=True,
            connect_timeout=3,
            tcp_user_timeout=10_000,  # milliseconds; a server that vanished is noticed, not waited for
            **settings,
        )
        connection.stop = stop
        return connection

    def wait(self, gen: PQGen[R], *args: Any, **settings: Any) -> R:
        return super().wait(self._bounded(gen), *args, **settings)

    def _bounded(self, gen: PQGen[R]) -> Generator[Any, Any, R]:
        began = monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted  # nothing, several times a second, while the server is silent
                if not ready and monotonic() - began > self._patience():
                    gen.close()
                    raise Unanswered("PostgreSQL does not answer")
                wanted = gen.send(ready)
        except StopIteration as end:
            answer: R = end.value
            return answer

    def _patience(self) -> float:
        return _STOPPING_SECONDS if self.stop.is_set() else ANSWER_SECONDS

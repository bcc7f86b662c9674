"""Events sent at a steady rate while drills go on, and whether each one that was accepted is in the table."""

from itertools import count
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID, uuid4

import psycopg
import requests

_TICK_SECONDS: Final = 0.2
_MOST_AT_ONCE: Final = 100
"""After a wait, the events that were due in it are not all made up for: a rate is no debt."""

_ACCEPTED: Final = {"published", "spooled"}


class Load:
    """As a context manager it sends batches to the gateway, and stops at its end."""

    def __init__(self, api_url: str, database_url: str, rate: float) -> None:
        self._url, self._database_url, self._rate = f"{api_url}/register_events", database_url, rate
        self._source = f"drill-{uuid4()}"
        self._accepted = set[UUID]()
        self._numbers = count()
        self.users = 1
        """Of so many the events are, in turn."""

        self.refused = 0
        """Events the gateway answered with an error."""

        self.unanswered = 0
        """Events whose request got no answer; they may be stored or not."""

        self._over, self._flowing = Event(), Event()
        self._at_rest = Event()
        self._thread = Thread(target=self._send, daemon=True)

    def __enter__(self) -> Self:
        self._flowing.set()
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._over.set()
        self._flowing.set()
        self._thread.join()

    def rest(self) -> None:
        """Send nothing more until ``go_on``; returns when the last answer is there."""
        self._at_rest.clear()
        self._flowing.clear()
        self._at_rest.wait()

    def go_on(self) -> None:
        self._flowing.set()

    @property
    def accepted(self) -> int:
        return len(self._accepted)

    def missing(self) -> int:
        """Accepted events that are not in the table by now."""
        with psycopg.connect(self._database_url, connect_timeout=5) as connection:
            rows = connection.execute("SELECT event_id FROM events WHERE source = %s", [self._source])
            return len(self._accepted - {row[0] for row in rows})

    def _send(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            sent_until = monotonic()
            while not self._over.wait(_TICK_SECONDS):
                if not self._flowing.is_set():
                    self._at_rest.set()
                    self._flowing.wait()
                    sent_until = monotonic()
                now = monotonic()
                due = round((now - sent_until) * self._rate)
                if due:
                    sent_until = now
                    self._register(session, [self._event() for _ in range(min(due, _MOST_AT_ONCE))])

    def _register(self, session: requests.Session, events: list[dict[str, Any]]) -> None:
        try:
            answer = session.post(self._url, json=events, timeout=15)
            results = answer.json()["results"] if answer.ok else []
        except requests.RequestException:
            self.unanswered += len(events)
            return
        accepted = {UUID(result["event_id"]) for result in results if result["status"] in _ACCEPTED}
        self._accepted |= accepted
        self.refused += len(events) - len(accepted)

    def _event(self) -> dict[str, Any]:
        number = next(self._numbers)
        return {
            "event_id": str(uuid4()),
            "event_type": "drill.beat",
            "user_id": f"user-{number % self.users}",
            "source": self._source,
            "properties": {"number": number},
        }

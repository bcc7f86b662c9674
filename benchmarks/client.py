"""A client that keeps to a schedule: single events, each sent at its time whatever became of those before."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from threading import local
from time import monotonic, sleep
from typing import Final, NamedTuple
from urllib.parse import urlsplit

_THREADS: Final = 32
_HEADERS: Final = {"Content-Type": "application/json"}
_USERS: Final = 5000


class Sent(NamedTuple):
    """An event, when it was due (``monotonic``), and where the answer says it is."""

    due: float
    partition: int
    offset: int


class NotPublished(Exception):
    """The gateway did not answer that Kafka has the event."""


class Client:
    """``rate`` is in events a second."""

    def __init__(self, url: str, rate: int) -> None:
        self._address, self._rate, self._own = urlsplit(url).netloc, rate, local()

    def send(self, events: int) -> list[Sent]:
        """Send so many events and return when all are answered. Raises NotPublished."""
        began = monotonic()
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(self._send, range(events), (began + n / self._rate for n in range(events))))

    def _send(self, number: int, due: float) -> Sent:
        if (wait := due - monotonic()) > 0:
            sleep(wait)
        event = {
            "event_type": "page.viewed",
            "user_id": f"user-{number * 7919 % _USERS}",
            "source": "web",
            "properties": {"path": "/pricing", "ms": 12, "ok": True, "price": 12.5, "n": number},
        }
        connection = self._connection()
        connection.request("POST", "/register_event", json.dumps(event), _HEADERS)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.client.CREATED:
            raise NotPublished(f"{answer.status}: {body.decode(errors='replace')}")
        place = json.loads(body)
        return Sent(due, place["partition"], place["offset"])

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._own, "connection"):
            self._own.connection = http.client.HTTPConnection(self._address, timeout=30)
        connection: http.client.HTTPConnection = self._own.connection
        return connection

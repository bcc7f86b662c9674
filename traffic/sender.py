"""Threads that send a plan: each takes the next departure, waits for its time, and delivers it."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock
from time import monotonic
from typing import NamedTuple, Self

from traffic.client import Client, Outcome
from traffic.plan import Departure
from traffic.settings import TrafficSettings


class Exchange(NamedTuple):
    """One request and what came of it. Times in seconds."""

    at: float
    """The intended departure, counted from the run's start."""
    delay: float
    """From the intended to the real departure: the client's own lateness."""
    latency: float
    """From the intended departure to the final answer: what a user waits, whoever is to blame."""
    service: float
    """From the real departure to the final answer, retries included."""
    outcomes: list[Outcome]
    retries: list[str]


class Sender:
    """Starts to send ``departures`` at once; as a context it ends when its threads have ended."""

    def __init__(self, settings: TrafficSettings, departures: Iterator[Departure]) -> None:
        self._settings, self._departures = settings, departures
        self._next, self._stop = Lock(), Event()
        self._exchanges: deque[Exchange] = deque()
        self._busy: set[Client] = set()
        self._started = monotonic()
        self._pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="sender")
        self._threads: list[Future[None]] = [self._pool.submit(self._send) for _ in range(settings.threads)]

    @property
    def inflight(self) -> int:
        return len(self._busy)

    @property
    def running(self) -> bool:
        """Whether more exchanges can come. Raises what ended a thread before its time."""
        return not all(thread.done() and thread.result() is None for thread in self._threads)

    def collect(self) -> list[Exchange]:
        """The exchanges since the last call."""
        return [self._exchanges.popleft() for _ in range(len(self._exchanges))]

    def stop(self) -> None:
        """Begin nothing new; requests in flight still get their answer, but are not sent again."""
        self._stop.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._pool.shutdown()

    def _send(self) -> None:
        client = Client(self._settings, self._stop.wait)
        try:
            while departure := self._take():
                intended = self._started + departure.at
                if self._stop.wait(max(0.0, intended - monotonic())):
                    return
                self._busy.add(client)
                self._exchanges.append(self._exchange(client, departure, intended))
                self._busy.discard(client)
        finally:
            client.close()

    def _take(self) -> Departure | None:
        with self._next:
            return None if self._stop.is_set() else next(self._departures, None)

    @staticmethod
    def _exchange(client: Client, departure: Departure, intended: float) -> Exchange:
        begun = monotonic()
        outcomes, retries = client.deliver(departure.items)
        ended = monotonic()
        return Exchange(departure.at, max(0.0, begun - intended), ended - intended, ended - begun, outcomes, retries)

"""The client's own books: what was sent, what was answered, and whether the table agrees in the end."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Event, Thread, get_ident
from time import monotonic
from typing import Final
from uuid import uuid4

import psycopg
import requests

from stack.stack import Stack
from tests.waiting import until

PUBLISHED: Final = 201
SPOOLED: Final = 202
UNAVAILABLE: Final = 503
UNCONFIRMED: Final = 504
NO_ANSWER: Final = 0
"""The connection broke: the event may be stored or not."""

_UNKNOWN: Final = (NO_ANSWER, UNCONFIRMED)
_CLIENT_SECONDS: Final = 30
"""Longer than any answer may take, so that a wait beyond the deadline shows in the books."""


@dataclass
class Entry:
    """An event and its answer; ``seconds`` is the longest wait for one."""

    key: str
    number: int
    event_id: str = field(default_factory=lambda: str(uuid4()))
    status: int = NO_ANSWER
    seconds: float = 0.0
    retry_after: str | None = None
    text: str = "x" * 100

    @property
    def accepted(self) -> bool:
        return self.status in (PUBLISHED, SPOOLED)

    def body(self) -> dict[str, object]:
        return {
            "event_id": self.event_id,
            "event_type": "fault.test",
            "user_id": self.key,
            "properties": {"number": self.number, "text": self.text},
        }


@dataclass(frozen=True)
class Balance:
    """The books against the table. ``misplaced``: stored in another order than sent, within a key."""

    entries: list[Entry]
    missing: list[Entry]
    intruders: list[Entry]
    misplaced: list[Entry]

    def __str__(self) -> str:
        statuses = Counter(entry.status for entry in self.entries)
        refused = {status: n for status, n in statuses.items() if status not in (PUBLISHED, SPOOLED, *_UNKNOWN)}
        slowest = max((entry.seconds for entry in self.entries), default=0.0)
        return (
            f"{len(self.entries)} sent: {statuses[PUBLISHED]} published, {statuses[SPOOLED]} spooled,"
            f" {sum(refused.values())} refused {refused or ''}, {sum(statuses[s] for s in _UNKNOWN)} unknown;"
            f" missing {len(self.missing)}, refused but stored {len(self.intruders)}, out of order"
            f" {len(self.misplaced)}; slowest answer {slowest:.2f} s"
        )


class Ledger:
    """Sends events from threads in the background, and keeps each one's answer.

    A thread has keys of its own, and sends a key's next event only when the last one has its answer; an event without
    an answer, or with 504, is sent again with its id, as the gateway asks clients to do. A refused one is not.
    """

    def __init__(self, stack: Stack, *, url: str | None = None) -> None:
        self._url, self._database_url = url or stack.api_url, stack.database_url
        self._run = uuid4().hex[:8]
        self._numbers = count()
        self.entries: list[Entry] = []

    @contextmanager
    def sending(self, per_second: float, *, threads: int = 4, batch: int = 1) -> Iterator[None]:
        """Send in the background, so many events a second or as many as are answered in time."""
        stop = Event()
        senders = [
            Thread(target=self._send_until, args=(stop, number, per_second / threads, batch), daemon=True)
            for number in range(threads)
        ]
        for sender in senders:
            sender.start()
        try:
            yield
        finally:
            stop.set()
            for sender in senders:
                sender.join(_CLIENT_SECONDS * 2)

    def send(self, many: int, *, text: str = "x" * 100) -> list[Entry]:
        """Send so many events, one after the other, and return them with their answers."""
        entries = [self._entry(f"{self._run}-{number % 10}-{get_ident()}", text) for number in range(many)]
        with _session() as session:
            for entry in entries:
                self._post(session, [entry])
        return entries

    def answered(self, status: int) -> int:
        """How many events have this answer by now."""
        return sum(entry.status == status for entry in tuple(self.entries))

    def publishes(self, more: int) -> Callable[[], bool]:
        """A condition: so many more events were published than now."""
        enough = self.answered(PUBLISHED) + more
        return lambda: self.answered(PUBLISHED) >= enough

    def spools(self, more: int) -> Callable[[], bool]:
        """A condition: so many more events were spooled than now."""
        enough = self.answered(SPOOLED) + more
        return lambda: self.answered(SPOOLED) >= enough

    def accepted(self) -> int:
        return sum(entry.accepted for entry in tuple(self.entries))

    def balance(self) -> Balance:
        stored = self._stored()
        return Balance(
            self.entries,
            missing=[entry for entry in self.entries if entry.accepted and entry.event_id not in stored],
            intruders=[
                entry
                for entry in self.entries
                if not entry.accepted and entry.status not in _UNKNOWN and entry.event_id in stored
            ],
            misplaced=list(_misplaced(self.entries, stored)),
        )

    def settle(self, *, within: float, in_order: bool = True) -> Balance:
        """Send what is unknown again until it is known, and wait until every accepted event is stored.

        Fails, with the books, when something is missing then, or stored though it was refused, or out of order.
        """
        deadline = monotonic() + within
        with _session() as session:
            until(lambda: self._resend_unknown(session), within=within)
        until(lambda: not self.balance().missing or monotonic() > deadline, within=within + 10)
        balance = self.balance()
        wrong = balance.missing or balance.intruders or (in_order and balance.misplaced)
        assert not wrong, f"{balance}\nfor example {wrong[:5]}"
        return balance

    def _send_until(self, stop: Event, sender: int, per_second: float, batch: int) -> None:
        began, sent = monotonic(), 0
        with _session() as session:
            while not stop.wait(max(began + sent / per_second - monotonic(), 0)):
                entries = [self._entry(f"{self._run}-{sender}-{(sent + n) % 25}") for n in range(batch)]
                self._post(session, entries)
                while not stop.is_set() and (unknown := [entry for entry in entries if entry.status in _UNKNOWN]):
                    stop.wait(0.1)
                    self._post(session, unknown)
                sent += batch

    def _entry(self, key: str, text: str = "x" * 100) -> Entry:
        entry = Entry(key, next(self._numbers), text=text)
        self.entries.append(entry)
        return entry

    def _post(self, session: requests.Session, entries: list[Entry]) -> None:
        """One request for these events; its answer goes into the books."""
        one, began = len(entries) == 1, monotonic()
        path = "/register_event" if one else "/register_events"
        bodies = [entry.body() for entry in entries]
        try:
            answer = session.post(self._url + path, json=bodies[0] if one else bodies, timeout=_CLIENT_SECONDS)
            statuses = _statuses(answer, len(entries))
        except (requests.RequestException, json.JSONDecodeError):
            statuses, answer = [NO_ANSWER] * len(entries), None
        for entry, status in zip(entries, statuses, strict=True):
            entry.status = status
            entry.seconds = max(entry.seconds, monotonic() - began)
            entry.retry_after = answer.headers.get("retry-after") if answer is not None else None

    def _resend_unknown(self, session: requests.Session) -> bool:
        unknown = [entry for entry in self.entries if entry.status in _UNKNOWN]
        for entry in unknown:
            self._post(session, [entry])
            if entry.status in (429, 503):
                entry.status = NO_ANSWER  # this attempt was refused; what became of the first is as unknown as before
        return not any(entry.status in _UNKNOWN for entry in unknown)

    def _stored(self) -> dict[str, tuple[int, int]]:
        """Partition and offset, by event id."""
        ids = [entry.event_id for entry in self.entries]
        with psycopg.connect(self._database_url, connect_timeout=5) as connection:
            rows = connection.execute(
                "SELECT event_id::text, kafka_partition, kafka_offset FROM events WHERE event_id = ANY(%s::uuid[])",
                (ids,),
            )
            return {event_id: (partition, offset) for event_id, partition, offset in rows}


def _statuses(answer: requests.Response, events: int) -> list[int]:
    if answer.status_code != 200:
        return [answer.status_code] * events
    status = {"published": PUBLISHED, "spooled": SPOOLED}
    return [status.get(result["status"]) or result["problem"]["status"] for result in answer.json()["results"]]


def _misplaced(entries: Iterable[Entry], stored: dict[str, tuple[int, int]]) -> Iterator[Entry]:
    last: dict[str, int] = {}
    for entry in entries:
        if entry.accepted and entry.event_id in stored:
            _, offset = stored[entry.event_id]
            if offset < last.get(entry.key, -1):
                yield entry
            last[entry.key] = max(offset, last.get(entry.key, -1))


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # a proxy of the environment's has no business here
    return session

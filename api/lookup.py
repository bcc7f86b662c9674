"""Where an event is: what this process remembers of it, and what PostgreSQL knows."""

from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Any, Literal
from uuid import UUID

import psycopg
from msgspec.structs import asdict
from psycopg.rows import class_row
from pydantic import BaseModel, SecretStr

from api.answer import Told, accepted
from api.errors import Unavailable

_Answered = tuple[bytes, float, bytes]  # what was answered, when, and the request's id

_REMEMBERED = 50_000
_CONNECT_SECONDS = 3


class EventPlace(BaseModel):
    """Where an event is. ``unknown`` means: not stored, and not among the last events this process accepted."""

    event_id: UUID
    status: Literal["spooled", "published", "stored", "unknown"]
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    occurred_at: datetime | None = None
    received_at: datetime | None = None
    appended_at: datetime | None = None
    answered_at: datetime | None = None
    stored_at: datetime | None = None
    request_id: str | None = None


class Recent:
    """The last events this process accepted, in a bounded memory: at least half of ``most``, at most all of it."""

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._generation = most // 2
        self._young, self._old = _Generation(), _Generation()

    def note(self, request_id: bytes, answer: bytes, events: int) -> None:
        """Remember an answer, by which so many events were accepted."""
        self._young.note((answer, time(), request_id), events)
        if self._young.events > self._generation:
            self._old, self._young = self._young, _Generation()

    def place(self, event_id: UUID) -> EventPlace:
        return self._young.find(event_id) or self._old.find(event_id) or EventPlace(event_id=event_id, status="unknown")


class _Generation:
    """Answers, and an index of their events that is made when somebody asks: most are never asked for.

    What an answer was made from is let go: a thousand things of a batch would crowd out what the next one needs.
    """

    def __init__(self) -> None:
        self.events = 0
        self._noted: list[_Answered] = []
        self._index: dict[str, tuple[Told, float, bytes]] = {}

    def note(self, answered: _Answered, events: int) -> None:
        self._noted.append(answered)
        self.events += events

    def find(self, event_id: UUID) -> EventPlace | None:
        for answer, answered_at, request_id in self._noted:
            self._index |= {told.event_id: (told, answered_at, request_id) for told in accepted(answer)}
        self._noted.clear()
        if (found := self._index.get(str(event_id))) is None:
            return None
        told, answered_at, request_id = found
        return EventPlace(**asdict(told), answered_at=_utc(answered_at), request_id=request_id.decode())


class Lookup:
    """Answers ``GET /events/{event_id}``."""

    def __init__(self, database_url: SecretStr, recent: Recent) -> None:
        self._database_url, self._recent = database_url, recent
        self._query = Path(__file__).with_name("queries.sql").read_text()

    async def find(self, event_id: UUID) -> EventPlace:
        """The event's row if there is one, else what this process remembers. Raises Unavailable without either."""
        remembered = self._recent.place(event_id)
        try:
            stored = await self._stored(event_id)
        except psycopg.OperationalError:
            if remembered.status == "unknown":
                raise Unavailable("PostgreSQL cannot be asked about the event now.", retry_after=5) from None
            return remembered
        return stored.model_copy(update={"answered_at": remembered.answered_at}) if stored else remembered

    async def _stored(self, event_id: UUID) -> EventPlace | None:
        connection: psycopg.AsyncConnection[Any]
        async with await psycopg.AsyncConnection.connect(
            self._database_url.get_secret_value(), connect_timeout=_CONNECT_SECONDS, autocommit=True
        ) as connection:
            try:
                rows = await connection.cursor(row_factory=class_row(EventPlace)).execute(
                    self._query.encode(), {"event_id": event_id}
                )
                return await rows.fetchone()
            except psycopg.errors.UndefinedTable:  # no worker has run yet, so nothing is stored
                return None


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

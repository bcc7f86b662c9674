"""Where one event has been, with its times: from its sender over the gateway and Kafka to its row."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from contract.topics import EVENTS

_GRAIN: Final = timedelta(milliseconds=1)  # the broker's timestamps are cut to it, so they may look too early
_ENDS: Final = ("stored", "parked", "spooled", "appended", "logged", "answered", "received")
_VERDICTS: Final = {
    "stored": "stored",
    "parked": "dead letter",
    "spooled": "spooled",
    "appended": "published",
    "logged": "published",
    "answered": "accepted",
    "received": "accepted",
}


class Place(NamedTuple):
    """Of a record in the topic ``events``."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{EVENTS.name}/{self.partition}@{self.offset}"


class Station(NamedTuple):
    """An event was there, then."""

    name: str
    at: datetime
    where: str

    @property
    def order(self) -> tuple[bool, datetime]:
        """As the event passed them; when it occurred is told by a clock that may be wrong."""
        return self.name != "occurred", self.at + (_GRAIN if self.name == "appended" else timedelta())


class Trace:
    """What is known of an event. Whoever is asked adds what it knows, and who does not answer is named."""

    def __init__(self, event_id: UUID) -> None:
        self.event_id = event_id
        self.request_id: str | None = None
        self.place: Place | None = None
        self.headers: dict[str, str] = {}
        self.silent: dict[str, str] = {}
        self._stations: dict[str, Station] = {}

    def see(self, name: str, at: datetime | str | None, where: str) -> None:
        """Note a station, unless it is known already or has no time."""
        if at is not None:
            moment = at if isinstance(at, datetime) else datetime.fromisoformat(at)
            self._stations.setdefault(name, Station(name, moment.astimezone(UTC), where))

    def read(self, event: Mapping[str, Any], request_id: str | None) -> None:
        """Note what the event itself tells, from wherever it was found."""
        self.request_id = self.request_id or request_id
        for name, where in (("occurred", "by its sender's clock"), ("received", "gateway")):
            told = event.get(f"{name}_at")
            if isinstance(told, str) and _is_instant(told):
                self.see(name, told, where)

    def seen(self, name: str) -> bool:
        return name in self._stations

    @property
    def stations(self) -> list[Station]:
        """In the order the event passed them."""
        return sorted(self._stations.values(), key=lambda station: station.order)

    @property
    def verdict(self) -> str:
        """Where the event is now: the last word any station has on it."""
        return next((_VERDICTS[name] for name in _ENDS if name in self._stations), "unknown")

    @property
    def found(self) -> bool:
        return bool(self._stations)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "event_id": self.event_id,
            "status": self.verdict,
            "request_id": self.request_id,
            "topic": EVENTS.name if self.place else None,
            "partition": self.place.partition if self.place else None,
            "offset": self.place.offset if self.place else None,
            "headers": self.headers,
            "stations": [station._asdict() for station in self.stations],
            "silent": self.silent,
        }

    def lines(self) -> Iterator[str]:
        """As a table for people, with the time between two stations, and what could not be asked."""
        yield f"event {self.event_id}, request {self.request_id or 'unknown'}: {self.verdict}"
        before: datetime | None = None
        for name, at, where in self.stations:
            since = f"{(at - before).total_seconds():+12.6f} s" if before else ""
            yield f"{name:<9} {at.isoformat(timespec='microseconds')} {since:>15}  {where}"
            before = at
        for source, why in self.silent.items():
            yield f"{source} could not be asked: {why}"


def _is_instant(text: str) -> bool:
    """With an offset: a time without one could be any."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False

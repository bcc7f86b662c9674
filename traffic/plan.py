"""What a run sends, and when: events, re-sends and bad events at random positions of the schedule."""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from math import ceil
from random import Random
from typing import NamedTuple
from uuid import uuid4

from traffic.encoding import JSON, dump
from traffic.flaws import FLAWS, WRONG_MEDIA_TYPE, Fields
from traffic.scenarios import SCENARIOS, Draft
from traffic.schedule import arrivals
from traffic.settings import TrafficSettings

RESEND_WINDOW = 1_000
"""A re-send repeats one of so many last events."""


class Kind(StrEnum):
    EVENT = "event"
    DUPLICATE = "duplicate"  # the same event once more, with the same event_id
    FLAW = "flaw"  # a bad event


class Item(NamedTuple):
    """One thing to send, and what it deserves."""

    kind: Kind
    event_id: str
    body: bytes
    media_type: str = JSON
    flaw: str = ""
    deserves: int = 201
    """The refusal's status; 201 stands for any acceptance."""


class Departure(NamedTuple):
    """The items of one request, and its intended time in seconds after the run's start."""

    at: float
    items: list[Item]


class Mix(NamedTuple):
    """How many of each kind."""

    events: int
    duplicates: int
    flaws: int

    @classmethod
    def of(cls, settings: TrafficSettings) -> "Mix":
        events = settings.events
        return cls(events, round(events * settings.duplicates), round(events * settings.invalid))

    def part(self, number: int, parts: int) -> "Mix":
        """What falls to one of several senders; the parts add up to the whole."""
        return Mix(*((count * (number + 1)) // parts - (count * number) // parts for count in self))

    def kinds(self, rng: Random) -> Iterator[Kind]:
        """Every kind as often as it should come, at random positions; no re-send before the first event."""
        events, duplicates, flaws = self
        while left := events + duplicates + flaws:
            draw = rng.randrange(left)
            if draw < flaws:
                flaws -= 1
                yield Kind.FLAW
            elif draw < flaws + duplicates and events < self.events:
                duplicates -= 1
                yield Kind.DUPLICATE
            else:
                events -= 1
                yield Kind.EVENT


class Run(NamedTuple):
    """One run of the simulator; ``started_at`` is in seconds since the epoch."""

    id: str
    seed: int
    started_at: float

    def random(self, sender: int, purpose: str) -> Random:
        """A stream of its own for each purpose, so that more bad events do not change the good ones."""
        return Random(f"{self.seed}/{sender}/{purpose}")  # noqa: S311 - repeatable on purpose


class Plan:
    """One sender's part of a run. Everything but ids and times is settled by the seed and the number of senders."""

    def __init__(self, settings: TrafficSettings, run: Run, number: int = 0) -> None:
        scenario = SCENARIOS[settings.scenario]
        self._run = run
        self._source = f"simulator/{settings.scenario}/{run.id}"
        self._mix = Mix.of(settings).part(number, settings.processes)
        self._size = max(1, settings.batch)
        self._drafts = scenario(run.random(number, "events"))
        self._spoiled = scenario(run.random(number, "flaws"))
        self._flaws = [flaw for flaw in FLAWS if not settings.batch or flaw is not WRONG_MEDIA_TYPE]
        self._kinds = self._mix.kinds(run.random(number, "kinds"))
        self._choices = run.random(number, "choices")
        self._recent: deque[Item] = deque(maxlen=RESEND_WINDOW)
        self._seconds = sum(self._mix) * settings.processes / settings.rate
        self._times = arrivals(
            ceil(sum(self._mix) / self._size), self._seconds, settings.profile, run.random(number, "times")
        )

    def departures(self) -> Iterator[Departure]:
        for at in self._times:
            yield Departure(at, [self._item(kind, at) for kind in islice(self._kinds, self._size)])

    def _item(self, kind: Kind, at: float) -> Item:
        match kind:
            case Kind.EVENT:
                fields = self._fields(next(self._drafts), at)
                item = Item(kind, fields["event_id"], dump(fields))
                self._recent.append(item)
                return item
            case Kind.DUPLICATE:
                return self._choices.choice(self._recent)._replace(kind=kind)
            case Kind.FLAW:
                flaw = self._choices.choice(self._flaws)
                fields = self._fields(next(self._spoiled), at)
                return Item(kind, fields["event_id"], flaw.spoil(fields), flaw.media_type, flaw.name, flaw.status)

    def _fields(self, draft: Draft, at: float) -> Fields:
        happened = datetime.fromtimestamp(self._run.started_at + at - draft.late, UTC)
        return {
            "event_id": str(uuid4()),
            "event_type": draft.event_type,
            "user_id": draft.user_id,
            "occurred_at": happened.isoformat(timespec="milliseconds"),
            "source": self._source,
            "properties": draft.properties,
        }

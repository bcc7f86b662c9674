"""A Publisher whose broker is the test: it keeps what was sent, and answers when it is told to."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from api.metrics import ProducerError
from api.publisher import DeliveryFailed, Outcome, Sent, Settled
from api.record import Published, Record


class PretendedKafka:
    """``sent`` holds every record ever handed over, ``open`` those without an answer yet; ``takes`` so many at once."""

    def __init__(self) -> None:
        self.ready = True
        self.acknowledges = False
        self.refuses: Exception | None = None
        self.sent: list[Record] = []
        self.open: list[tuple[Record, Callable[[Outcome], None]]] = []
        self.takes = 1_000_000
        self.refuses_after: tuple[int, Exception] | None = None
        self.stopped = False
        self.renewals = 0
        self._offset = 0

    async def start(self) -> None: ...

    async def renew(self) -> None:
        self.renewals += 1
        self.fail()

    async def stop(self, seconds: float) -> None:
        self.stopped = True

    def send(self, records: Sequence[Record], settled: Settled) -> Sent:
        assert records, "nothing to send"
        if self.refuses:
            raise self.refuses
        if self.refuses_after and len(self.sent) >= self.refuses_after[0]:
            raise self.refuses_after[1]
        sent = Sent(records[: self.takes], 0, settled, 0.0, deque())
        self.sent += sent.records
        self.open += [(record, partial(_land, sent, place)) for place, record in enumerate(sent.records)]
        if self.acknowledges:
            asyncio.get_running_loop().call_soon(self.acknowledge)
        return sent

    def acknowledge(self, most: int = 1_000_000) -> None:
        for _ in range(min(most, len(self.open))):
            _, settled = self.open.pop(0)
            settled(Published(0, self._offset))
            self._offset += 1

    def fail(self, kind: ProducerError = ProducerError.TIMEOUT, most: int = 1_000_000) -> None:
        for _ in range(min(most, len(self.open))):
            _, settled = self.open.pop(0)
            settled(DeliveryFailed(kind, "so says the test"))

    @property
    def keys(self) -> list[bytes]:
        return [record.key for record in self.sent]

    @property
    def event_ids(self) -> list[str]:
        return [record.event_id for record in self.sent]


def _land(sent: Sent, place: int, outcome: Outcome) -> None:
    if isinstance(outcome, DeliveryFailed):
        sent.fail(place, outcome)
    else:
        sent.land(place, outcome)
    if len(sent.outcomes) == len(sent.records):
        sent.settled(sent)


def sample(registry: CollectorRegistry, name: str, **labels: str) -> float:
    """A series' value; fails when there is no such series."""
    value = registry.get_sample_value(name, labels)
    assert value is not None, f"no series {name}{labels}"
    return value


async def eventually(condition: Callable[[], Any], within: float = 20) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.005)

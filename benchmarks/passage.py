"""From a client's intended moment of sending to the moment another connection to PostgreSQL sees the event."""

import sys
from dataclasses import dataclass
from statistics import quantiles
from time import monotonic, sleep
from typing import Final

from benchmarks.client import Client
from benchmarks.laboratory import Laboratory
from benchmarks.sample import Sample
from benchmarks.usage import Usage
from benchmarks.watch import Watch
from contract.topics import EVENTS

_PATIENCE_SECONDS: Final = 60


class NotStored(Exception):
    """The table does not hold what the gateway has accepted."""


@dataclass(frozen=True)
class Passage:
    """``rate`` events a second in an open loop: the schedule waits for no answer. The cost is the worker's."""

    server: str
    rate: int

    def measure(self, laboratory: Laboratory, seconds: float) -> list[Sample]:
        laboratory.broker.cut(EVENTS, 0)
        laboratory.database.empty()
        with laboratory.workers((sys.executable, "-m", "worker")) as (pids, group):
            client = Client(laboratory.url(self.server), self.rate)
            warm_up = len(client.send(self.rate))  # until connections, caches and the assignment are there
            _await_rows(laboratory, warm_up)
            usage, began = Usage(*pids), monotonic()
            with Watch(laboratory.stack.database_url, group) as watch:
                sent = client.send(int(self.rate * seconds))
                _await_rows(laboratory, warm_up + len(sent))
            took = [(watch.seen(event.partition, event.offset) - event.due) * 1000 for event in sent]
            percentiles = quantiles(took, n=100)
            sample = Sample(
                events=len(sent),
                seconds=monotonic() - began,
                cpu_seconds=usage.cpu_seconds,
                peak_mb=usage.peak_mb,
                p50_ms=percentiles[49],
                p99_ms=percentiles[98],
                worst_ms=max(took),
            )
            return [sample]


def _await_rows(laboratory: Laboratory, wanted: int) -> None:
    deadline = monotonic() + _PATIENCE_SECONDS
    while (rows := laboratory.database.rows()) < wanted:
        if monotonic() > deadline:
            raise NotStored(f"{rows} rows for {wanted} accepted events after {_PATIENCE_SECONDS} s")
        sleep(0.1)

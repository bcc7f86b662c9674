"""Requests to a gateway, under load from wrk; what arrived is counted at the broker."""

from dataclasses import dataclass
from time import monotonic

from benchmarks.broker import settled
from benchmarks.laboratory import Laboratory
from benchmarks.sample import Sample
from benchmarks.usage import Usage
from contract.topics import Topic


@dataclass(frozen=True)
class Requests:
    """One server, one path, one way of asking. Without a topic the answers are what is counted."""

    server: str
    topic: Topic | None
    connections: int
    path: str = "/register_event"
    events: int = 1
    form: str = "json"

    def measure(self, laboratory: Laboratory, seconds: float) -> list[Sample]:
        before = self._end(laboratory)
        usage, began = Usage(*laboratory.pids(self.server)), monotonic()
        url = laboratory.url(self.server) + self.path
        load = laboratory.wrk.run(url, self.connections, seconds, self.events, self.form)
        arrived, last = settled(lambda: self._end(laboratory))
        sample = Sample(
            events=arrived - before if self.topic else load.requests,
            seconds=max(last - began, load.seconds) if self.topic else load.seconds,
            cpu_seconds=usage.cpu_seconds,
            peak_mb=usage.peak_mb,
            p50_ms=load.p50_ms,
            p99_ms=load.p99_ms,
            worst_ms=load.worst_ms,
            trouble=load.refused + load.broken,
        )
        return [sample]

    def _end(self, laboratory: Laboratory) -> int:
        return laboratory.broker.end(self.topic) if self.topic else 0

"""What one measurement of one case yields."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """``events`` were counted by the last station they reach; times in seconds, unless the name tells otherwise."""

    events: int
    seconds: float
    cpu_seconds: float

    @staticmethod
    def joined(parts: Iterable["Work"]) -> "Work":
        """All of it, one part after the other."""
        columns = zip(*((part.events, part.seconds, part.cpu_seconds) for part in parts), strict=True)
        return Work(*map(sum, columns))

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def cpu_us(self) -> float:
        """Processor time an event; also processor seconds for a million of them."""
        return self.cpu_seconds / self.events * 1e6


@dataclass(frozen=True)
class Sample(Work):
    """What a case cannot tell is None. ``trouble`` counts requests without an answer, or with one that refuses."""

    peak_mb: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    worst_ms: float | None = None
    trouble: int = 0

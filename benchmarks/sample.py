"""What one measurement of one case yields."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self


@dataclass(frozen=True)
class Sample:
    """``events`` were counted by the last station they reach; times in seconds, unless the name tells otherwise.

    What a case cannot tell is None. ``trouble`` counts requests without an answer, or with one that refuses.
    """

    events: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    worst_ms: float | None = None
    trouble: int = 0

    @classmethod
    def joined(cls, slices: Sequence[Self]) -> Self:
        """Of one case that was measured in slices. Quantiles are the middle ones of theirs."""

        def known(value: Callable[[Self], float | None], pick: Callable[[list[float]], float]) -> float | None:
            values = [each for each in map(value, slices) if each is not None]
            return pick(values) if values else None

        return cls(
            events=sum(each.events for each in slices),
            seconds=sum(each.seconds for each in slices),
            cpu_seconds=sum(each.cpu_seconds for each in slices),
            peak_mb=max(each.peak_mb for each in slices),
            p50_ms=known(lambda each: each.p50_ms, median),
            p99_ms=known(lambda each: each.p99_ms, median),
            worst_ms=known(lambda each: each.worst_ms, max),
            trouble=sum(each.trouble for each in slices),
        )

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def cpu_us(self) -> float:
        """Processor time an event; also processor seconds for a million of them."""
        return self.cpu_seconds / self.events * 1e6

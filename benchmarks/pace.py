"""Whose are the slow seconds? What an event costs the gateway's loop, beside what a probe's constant work costs there.

The probe's work fits the nearest cache and waits for nothing: when it takes longer, the core gets on more slowly with
whatever it does, and not the gateway alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import correlation, fmean, quantiles


@dataclass(frozen=True)
class Stretch:
    """Half a second of steady load: ``events`` at the broker, processor time of the loop's thread and the probe."""

    events: int
    seconds: float
    cpu_seconds: float
    probe_us: float

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def cpu_us(self) -> float:
        """Processor time an event."""
        return self.cpu_seconds / self.events * 1e6


@dataclass(frozen=True)
class Pace:
    """What a minute of such stretches tells."""

    stretches: Sequence[Stretch]

    @property
    def correlation(self) -> float:
        """Of what an event costs with what the probe's work costs."""
        return correlation([each.cpu_us for each in self.stretches], self._probes)

    @property
    def swing(self) -> float:
        """How many times as long the probe's work takes in the slowest twentieth as in the quickest."""
        parts = quantiles(self._probes, n=20)
        return parts[-1] / parts[0]

    def among(self, *, slow: bool) -> Stretch:
        """All stretches of the quickest third of the core's, or of its slowest, as one."""
        ranked = sorted(self.stretches, key=lambda each: each.probe_us, reverse=slow)
        return _joined(ranked[: len(ranked) // 3])

    @property
    def _probes(self) -> list[float]:
        return [each.probe_us for each in self.stretches]


def _joined(them: Sequence[Stretch]) -> Stretch:
    events, seconds = sum(each.events for each in them), sum(each.seconds for each in them)
    cpu_seconds = sum(each.cpu_seconds for each in them)
    return Stretch(events, seconds, cpu_seconds, fmean(each.probe_us for each in them))

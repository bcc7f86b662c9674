"""Whose are the slow seconds? What an event costs the gateway's loop, beside what a probe's constant work costs there.

The probe's work fits the nearest cache and waits for nothing: when it takes longer, the core gets on more slowly with
whatever it does, and not the gateway alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import correlation, quantiles

from benchmarks.sample import Work


@dataclass(frozen=True)
class Stretch(Work):
    """Half a second of steady load, with the processor time of the loop's thread; and what the probe's work took."""

    probe_us: float


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

    def among(self, *, slow: bool) -> Work:
        """What was done in the quickest third of the core's stretches, or in its slowest."""
        ranked = sorted(self.stretches, key=lambda each: each.probe_us, reverse=slow)
        return Work.joined(ranked[: len(ranked) // 3])

    @property
    def _probes(self) -> list[float]:
        return [each.probe_us for each in self.stretches]

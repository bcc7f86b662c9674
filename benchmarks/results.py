"""A run's samples, and what follows from them: middles, spreads, ratios. Saved as JSON."""

import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from statistics import median
from typing import Final, Self

from pydantic import TypeAdapter

from benchmarks.pace import Pace
from benchmarks.sample import Sample, Work

SAVED: Final = Path(__file__).with_name("results.json")


@dataclass(frozen=True)
class Spread:
    """The smallest, the middle and the largest of the rounds."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Self:
        return cls(min(values), median(values), max(values))

    @property
    def noise(self) -> float:
        """How far the rounds lie apart, as a share of the middle."""
        return (self.high - self.low) / self.middle if self.middle else 0.0


@dataclass
class Results:
    """``samples`` has one sample a round for each case, ``yardsticks`` the case each one is divided by.

    ``pace`` belongs to a whole run: it tells how far the machine's pace is the gateway's.
    """

    rounds: int
    seconds: float
    taken: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d}")
    machine: str = field(default_factory=lambda: _machine())
    yardsticks: dict[str, str] = field(default_factory=dict)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    pace: Pace | None = None

    def spread(self, case: str, value: Callable[[Sample], float | None]) -> Spread | None:
        """None when the case cannot tell."""
        values = [value(sample) for sample in self.samples[case]]
        known = [value for value in values if value is not None]
        return Spread.of(known) if known else None

    def ratio(self, case: str) -> Spread | None:
        """Events a second, divided by the yardstick's of the same round; None without a yardstick of its own."""
        yardstick = self.samples.get(self.yardsticks[case])
        if yardstick is None or self.yardsticks[case] == case:
            return None
        return Spread.of([ours.rate / theirs.rate for ours, theirs in zip(self.samples[case], yardstick, strict=True)])

    def middle(self, case: str, value: Callable[[Sample], float]) -> float:
        return median(map(value, self.samples[case]))

    def over(self, case: str, other: str, value: Callable[[Sample], float]) -> float:
        """The middle of the rounds' ratios."""
        both = zip(self.samples[case], self.samples[other], strict=True)
        return median(value(ours) / value(theirs) for ours, theirs in both)

    def cpu_us(self, case: str) -> float:
        """Processor time an event, over all rounds."""
        return Work.joined(self.samples[case]).cpu_us

    def save(self, path: Path = SAVED) -> None:
        path.write_bytes(_RESULTS.dump_json(self, indent=1) + b"\n")

    @classmethod
    def load(cls, path: Path = SAVED) -> "Results":
        return _RESULTS.validate_json(path.read_bytes())


def _machine() -> str:
    models = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    packages = (f"{name} {version(name)}" for name in _PACKAGES)
    cores = f"{cpu_count()} cores of {models[0] if models else platform.machine()}"
    return ", ".join((cores, f"Python {platform.python_version()}", *packages))


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


_PACKAGES: Final = ("kafka-python", "confluent-kafka", "fastapi", "uvicorn")
_RESULTS: Final = TypeAdapter(Results)

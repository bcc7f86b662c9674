"""Has anything become slower? Ratios to the yardsticks, now and as committed, and how far each can be trusted."""

from dataclasses import dataclass
from typing import Final

from benchmarks.results import Results, Spread

_LEAST_NOISE: Final = 0.05


@dataclass(frozen=True)
class Verdict:
    """How a case compares with what was committed."""

    case: str
    committed: Spread
    now: Spread

    @property
    def noise(self) -> float:
        """What both runs' own rounds differ by, as a share."""
        return max(self.committed.noise, self.now.noise, _LEAST_NOISE)

    @property
    def change(self) -> float:
        """Above 0 is faster."""
        return self.now.middle / self.committed.middle - 1

    @property
    def slower(self) -> bool:
        """Beyond the noise."""
        return self.change < -self.noise


def compare(committed: Results, now: Results) -> list[Verdict]:
    """One verdict for each case both have a ratio for."""
    both = [(case, committed.ratio(case), now.ratio(case)) for case in now.samples if case in committed.samples]
    return [Verdict(case, before, after) for case, before, after in both if before and after]

"""When requests leave: an open-loop schedule, fixed before the first one goes, that waits for no answer."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from math import sqrt
from random import Random

BURST_CYCLE_SECONDS = 4.0


class Profile(StrEnum):
    """How the rate changes over a run; its mean is the same in all of them."""

    STEADY = "steady"  # constant
    RAMP = "ramp"  # from 0.2 to 1.8 times the mean
    BURST = "burst"  # three quarters of the time a third of the mean, then three times the mean


def arrivals(count: int, seconds: float, profile: Profile, rng: Random) -> Iterator[float]:
    """``count`` instants from 0 to ``seconds`` in order, as scattered as those of independent clients.

    They are a Poisson process whose total is known, so the mean rate is exactly ``count / seconds``.
    """
    warp = _WARPS[profile]
    done = 0.0
    for left in range(count, 0, -1):
        done += (1 - done) * (1 - rng.random() ** (1 / left))  # the least of ``left`` uniform draws in the rest
        yield warp(done, seconds)


# Each warp tells after how many seconds a share (0..1) of all requests has left.


def _steady(share: float, seconds: float) -> float:
    return share * seconds


def _ramp(share: float, seconds: float) -> float:
    return seconds * (sqrt(0.04 + 3.2 * share) - 0.2) / 1.6


def _burst(share: float, seconds: float) -> float:
    cycles = max(1, round(seconds / BURST_CYCLE_SECONDS))
    cycle, part = divmod(share * cycles, 1)
    inside = 3 * part if part < 0.25 else 0.75 + (part - 0.25) / 3
    return (cycle + inside) * seconds / cycles


_WARPS: dict[Profile, Callable[[float, float], float]] = {
    Profile.STEADY: _steady,
    Profile.RAMP: _ramp,
    Profile.BURST: _burst,
}

from itertools import pairwise
from random import Random

import pytest

from traffic.schedule import Profile, arrivals


def times(profile: Profile, seed: int = 1, count: int = 6_000, seconds: float = 12) -> list[float]:
    return list(arrivals(count, seconds, profile, Random(seed)))


def share(instants: list[float], start: float, end: float) -> float:
    """How much of the traffic leaves between two times."""
    return sum(start <= at < end for at in instants) / len(instants)


@pytest.mark.parametrize("profile", Profile)
def test_exactly_the_requested_number_leaves_in_order_within_the_run(profile: Profile) -> None:
    instants = times(profile)
    assert len(instants) == 6_000
    assert instants == sorted(instants)
    assert instants[0] >= 0
    assert instants[-1] <= 12


@pytest.mark.parametrize("profile", Profile)
def test_a_run_of_one_event_has_a_time(profile: Profile) -> None:
    assert len(times(profile, count=1)) == 1


def test_the_seed_settles_the_times() -> None:
    assert times(Profile.STEADY, seed=1) == times(Profile.STEADY, seed=1)
    assert times(Profile.STEADY, seed=1) != times(Profile.STEADY, seed=2)


def test_steady_traffic_is_even() -> None:
    instants = times(Profile.STEADY)
    assert [share(instants, third * 4, third * 4 + 4) for third in range(3)] == pytest.approx([1 / 3] * 3, abs=0.03)


def test_arrivals_are_scattered_like_those_of_independent_clients() -> None:
    instants = times(Profile.STEADY)
    gaps = [later - earlier for earlier, later in pairwise(instants)]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert deviation == pytest.approx(mean, rel=0.1)  # the mark of an exponential distribution


def test_a_ramp_starts_at_a_fifth_of_the_mean_rate_and_ends_at_nine_fifths() -> None:
    instants = times(Profile.RAMP)
    assert share(instants, 0, 1) == pytest.approx((0.2 + 1.6 / 24) / 12, abs=0.006)
    assert share(instants, 11, 12) == pytest.approx((1.8 - 1.6 / 24) / 12, abs=0.015)


def test_bursts_are_three_times_the_mean_rate_between_quiet_times() -> None:
    instants = times(Profile.BURST)  # three cycles of four seconds, of which the last one is the burst
    bursts = sum(share(instants, cycle * 4 + 3, cycle * 4 + 4) for cycle in range(3))
    assert bursts == pytest.approx(0.75, abs=0.03)

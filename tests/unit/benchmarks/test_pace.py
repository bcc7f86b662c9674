"""The pace of a core, beside what events cost on it."""

from os import sched_getaffinity
from subprocess import PIPE, Popen
from sys import executable
from time import thread_time

import pytest

from benchmarks.pace import Pace, Stretch
from benchmarks.pacing import apart, probe


def stretch(cpu_us: float, probe_us: float, events: int = 1_000, busy: float = 1.0) -> Stretch:
    cpu_seconds = cpu_us * events / 1e6
    return Stretch(events, cpu_seconds / busy, cpu_seconds, probe_us)


def test_a_stretch_tells_its_rate_and_an_events_cost() -> None:
    assert stretch(5, 20, busy=0.5).rate == pytest.approx(100_000)
    assert stretch(5, 20).cpu_us == pytest.approx(5)


def test_cost_that_follows_the_core_correlates_and_other_cost_does_not() -> None:
    assert Pace([stretch(pace / 5, pace) for pace in (20, 25, 30, 40)]).correlation == pytest.approx(1)
    assert Pace([stretch(cost, pace) for cost, pace in ((5, 20), (6, 20), (5, 30), (6, 30))]).correlation == 0


def test_the_quickest_and_the_slowest_third_are_told_as_one_stretch_each() -> None:
    pace = Pace(
        [stretch(9, 40), stretch(4, 20, events=3_000), stretch(6, 30), stretch(8, 22), stretch(7, 39), stretch(6, 25)]
    )
    quick, slow = pace.among(slow=False), pace.among(slow=True)
    assert (quick.events, quick.cpu_us, quick.seconds) == (4_000, pytest.approx(5), pytest.approx(0.02))
    assert (slow.events, slow.cpu_us, slow.seconds) == (2_000, pytest.approx(8), pytest.approx(0.016))


def test_the_swing_leaves_single_slips_out() -> None:
    steady = [stretch(5, 20)] * 30 + [stretch(5, 30)] * 30
    assert Pace([*steady, stretch(5, 900)]).swing == pytest.approx(1.5)


def test_a_probe_tells_processor_time_of_its_own_thread() -> None:
    before = thread_time()
    took = probe()
    assert 0 < took <= (thread_time() - before) * 1e6


def test_the_loop_and_the_probe_have_their_core_and_afterwards_all_is_as_it_was() -> None:
    before, waiting = sched_getaffinity(0), (executable, "-c", "import sys; sys.stdin.read()")
    with Popen(waiting, stdin=PIPE) as loop, Popen(waiting, stdin=PIPE) as rest:
        with apart(loop.pid) as others:
            assert sched_getaffinity(loop.pid) == sched_getaffinity(0) == {min(before)}
            assert sched_getaffinity(rest.pid) == others == (before - {min(before)} or before)
        assert sched_getaffinity(loop.pid) == sched_getaffinity(rest.pid) == sched_getaffinity(0) == before

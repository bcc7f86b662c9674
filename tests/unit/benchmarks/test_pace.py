"""The pace of a core, beside what events cost on it."""

from os import sched_getaffinity
from subprocess import Popen
from sys import executable

import pytest

from benchmarks.pace import Pace, Stretch
from benchmarks.pacing import Probe, apart


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
    assert (quick.events, quick.cpu_us, quick.probe_us) == (4_000, pytest.approx(5), 21)
    assert (slow.events, slow.cpu_us, slow.probe_us) == (2_000, pytest.approx(8), 39.5)


def test_the_swing_leaves_single_slips_out() -> None:
    steady = [stretch(5, 20)] * 30 + [stretch(5, 30)] * 30
    assert Pace([*steady, stretch(5, 900)]).swing == pytest.approx(1.5)


def test_a_probe_tells_each_reading_once() -> None:
    with Probe(min(sched_getaffinity(0))) as probe:
        while not (first := probe.take()):
            pass
    probe.take()
    assert first > 0
    assert probe.take() == 0


def test_only_the_loop_has_its_core_and_afterwards_all_is_as_it_was() -> None:
    before = sched_getaffinity(0)
    own, *others = sorted(before)
    with Popen([executable, "-c", "input()"], stdin=-1) as child:
        with apart(child.pid, own, others or [own]):
            assert sched_getaffinity(child.pid) == {own}
            assert sched_getaffinity(0) == {*(others or [own])}
        assert sched_getaffinity(child.pid) == sched_getaffinity(0) == before
        child.communicate(b"\n")

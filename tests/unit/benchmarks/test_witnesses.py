"""What counts for the bench: records at rest, first sightings, the cost of a process."""

import os
from inspect import signature
from time import process_time

import pytest

from benchmarks.broker import settled
from benchmarks.sinks import Nowhere, Silent
from benchmarks.usage import Usage
from benchmarks.watch import Sightings
from worker.event_log import EventLog
from worker.store import Store


def test_a_count_is_taken_when_it_stands_still() -> None:
    counts = iter([1, 5, 9])
    count, _ = settled(lambda: next(counts, 9))
    assert count == 9


def test_a_record_is_seen_by_the_first_look_whose_offset_has_passed_it() -> None:
    sightings = Sightings()
    for at, offsets in ((1.0, {0: 5}), (2.0, {0: 5, 1: 3}), (3.0, {0: 9, 1: 3})):
        sightings.note(offsets, at)
    assert [sightings.seen(0, offset) for offset in (0, 4, 5, 8)] == [1.0, 1.0, 3.0, 3.0]
    assert sightings.seen(1, 2) == 2.0
    with pytest.raises(IndexError):
        sightings.seen(0, 9)


def test_the_cost_of_a_process_is_its_own() -> None:
    usage, began = Usage(os.getpid()), process_time()
    while process_time() - began < 0.3:
        pass
    assert usage.cpu_seconds >= 0.25
    assert usage.peak_mb > 10


@pytest.mark.parametrize(("stand_in", "real"), [(Nowhere, Store), (Silent, EventLog)])
def test_the_sinks_that_are_left_out_are_asked_like_the_real_ones(stand_in: type, real: type) -> None:
    for name, method in vars(real).items():
        if callable(method) and not name.startswith("_"):
            assert len(signature(getattr(stand_in, name)).parameters) == len(signature(method).parameters), name

"""The scales on which the gateway's metrics are weighed."""

from collections.abc import Iterator
from itertools import count

import pytest
from prometheus_client import CollectorRegistry, Counter

from api.metrics import HandlerMetrics, Outcome
from benchmarks.switched import Scales, Spent, switch


@pytest.fixture
def scales() -> Iterator[Scales]:
    yield Scales(CollectorRegistry())
    switch(on=True)


@pytest.mark.parametrize(("states", "counted"), [((), 1), ((False,), 0), ((False, True), 1), ((False, False, True), 1)])
def test_metrics_count_unless_switched_off(scales: Scales, states: tuple[bool, ...], counted: int) -> None:
    handler = HandlerMetrics(scales, "POST", "/register_event")
    for on in states:
        switch(on=on)
    Counter("anything", "", registry=scales.registry).inc()
    scales.count(Outcome.PUBLISHED)
    handler.begin()
    handler.end(201, 0.1, "an id")
    labels = {"method": "POST", "handler": "/register_event"}
    read = scales.registry.get_sample_value
    list(scales.registry.collect())  # enters what was noted
    assert read("anything_total") == counted
    assert read("pipeline_events_accepted_total", {"outcome": "published"}) == counted
    assert read("http_requests_total", {**labels, "status": "201"}) == counted
    assert read("http_request_duration_seconds_count", labels) == counted


def test_what_was_spent_is_booked_by_state(scales: Scales) -> None:
    acked = count(100, 7)
    scales.acked.set_function(lambda: next(acked))
    for state in ("on", "off", "off"):
        scales.turn(state, seconds=0.001)
    read = scales.registry.get_sample_value
    assert read("bench_events_total", {"metrics": "on"}) == 7
    assert read("bench_events_total", {"metrics": "off"}) == 14
    for what in ("seconds", "cpu_seconds"):
        assert (read(f"bench_{what}_total", {"metrics": "off"}) or 0) > 0


def test_a_turn_without_events_is_not_booked(scales: Scales) -> None:
    scales.acked.set_function(lambda: 100)
    scales.turn("on", seconds=0.001)
    assert scales.spent["on"] == Spent()

"""The switch of the gateway whose metrics are weighed."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter

from api.metrics import ApiMetrics, HandlerMetrics, Outcome
from benchmarks.switched import OFF, ON, switch


@pytest.fixture(autouse=True)
def switched_on_again() -> Iterator[None]:
    yield
    switch(ON)


@pytest.mark.parametrize(("signals", "counted"), [((), 1), ((OFF,), 0), ((OFF, ON), 1), ((OFF, OFF, ON), 1)])
def test_counts_unless_switched_off(signals: tuple[int, ...], counted: int) -> None:
    metrics = ApiMetrics(CollectorRegistry())
    handler = HandlerMetrics(metrics, "POST", "/register_event")
    for signum in signals:
        switch(signum)
    Counter("anything", "", registry=metrics.registry).inc()
    metrics.count(Outcome.PUBLISHED)
    handler.begin()
    handler.end(201, 0.1, "an id")
    labels = {"method": "POST", "handler": "/register_event"}
    read = metrics.registry.get_sample_value
    list(metrics.registry.collect())  # enters what was noted
    assert read("anything_total") == counted
    assert read("pipeline_events_accepted_total", {"outcome": "published"}) == counted
    assert read("http_requests_total", {**labels, "status": "201"}) == counted
    assert read("http_request_duration_seconds_count", labels) == counted

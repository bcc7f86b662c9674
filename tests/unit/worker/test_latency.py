"""The stages of an event's way, and that they add up."""

from datetime import datetime
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from tests.unit.worker.records import APPENDED_MS, EVENT_ID, event_of, value
from worker.latency import Latency
from worker.metrics import Stage, WorkerMetrics

APPENDED = APPENDED_MS / 1000
RECEIVED = APPENDED - 0.25


@pytest.fixture
def metrics() -> WorkerMetrics:
    return WorkerMetrics(CollectorRegistry())


def observed(metrics: WorkerMetrics, name: str, **labels: str) -> float:
    found = metrics.registry.get_sample_value(f"pipeline_{name}", labels)
    assert found is not None
    return found


def stages(metrics: WorkerMetrics) -> list[float]:
    return [observed(metrics, "stage_duration_seconds_sum", stage=stage) for stage in Stage]


def test_the_stages_add_up_to_the_whole_way(metrics: WorkerMetrics) -> None:
    event = event_of(value(received_at="2026-01-01T10:00:00.500000Z"))
    assert datetime.fromisoformat(event.event.received_at).timestamp() == RECEIVED
    Latency(metrics).observe([event, event], APPENDED + 0.5, APPENDED + 1.5)
    assert stages(metrics) == pytest.approx([0.5, 1.0, 2.0])
    assert observed(metrics, "end_to_end_latency_seconds_sum") == pytest.approx(sum(stages(metrics)))
    assert observed(metrics, "end_to_end_latency_seconds_count") == 2
    assert observed(metrics, "clock_skew_total") == 0


def test_the_slowest_event_is_the_exemplar_of_the_whole_way(metrics: WorkerMetrics) -> None:
    slow = UUID("0190a6f2-7c3a-7b1e-8f2a-ffffffffffff")
    late = event_of(value().replace(EVENT_ID.encode(), str(slow).encode()).replace(b"10:00:00.5", b"10:00:00.4"))
    Latency(metrics).observe([event_of(value()), late, event_of(value())], APPENDED + 0.5, APPENDED + 1.5)
    (family,) = metrics.end_to_end.collect()
    assert [(s.labels["le"], s.exemplar.labels) for s in family.samples if s.exemplar] == [
        ("2.56", {"event_id": str(slow)})
    ]


def test_events_that_came_together_count_each(metrics: WorkerMetrics) -> None:
    first = event_of(value(received_at="2026-01-01T10:00:00.500000Z"))
    second = event_of(value(received_at="2026-01-01T10:00:00.250000Z"))
    Latency(metrics).observe([first, second, first, first], APPENDED + 0.5, APPENDED + 1.5)
    assert stages(metrics) == pytest.approx([3 * 0.25 + 0.5, 2.0, 4.0])
    assert observed(metrics, "end_to_end_latency_seconds_sum") == pytest.approx(sum(stages(metrics)))
    assert observed(metrics, "end_to_end_latency_seconds_count") == 4
    assert observed(metrics, "end_to_end_latency_seconds_bucket", le="2.56") == 4


def test_no_events_are_no_latency(metrics: WorkerMetrics) -> None:
    Latency(metrics).observe([], APPENDED, APPENDED + 1)
    assert observed(metrics, "end_to_end_latency_seconds_count") == 0


def test_a_stage_that_two_clocks_make_negative_counts_as_nothing_and_as_skew(metrics: WorkerMetrics) -> None:
    event = event_of(value(received_at="2026-01-01T10:00:02.750000Z"))
    Latency(metrics).observe([event], APPENDED - 1, APPENDED + 5)
    assert stages(metrics) == pytest.approx([0.0, 0.0, 6.0])
    assert observed(metrics, "clock_skew_total") == 2


def test_the_grain_of_the_brokers_clock_is_no_skew(metrics: WorkerMetrics) -> None:
    event = event_of(value(received_at="2026-01-01T10:00:00.750900Z"))
    Latency(metrics).observe([event], APPENDED, APPENDED + 1)
    assert observed(metrics, "clock_skew_total") == 0
    assert min(stages(metrics)) >= 0

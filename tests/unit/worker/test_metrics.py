"""Which series a worker shows before anything has happened, and which it takes back."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from contract.topics import EVENTS
from worker.metrics import Parked, Stage, Step, Trouble, WorkerMetrics

WORKER = Path(__file__).parents[3] / "worker"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def children(registry: CollectorRegistry, name: str, label: str) -> set[str]:
    families: dict[str, Metric] = {metric.name: metric for metric in registry.collect()}
    return {sample.labels[label] for sample in families[name].samples if label in sample.labels}


@pytest.mark.parametrize(
    ("name", "label", "values"),
    [
        ("pipeline_consumer_records", "partition", {str(number) for number in range(EVENTS.partitions)}),
        ("pipeline_consumer_dead_letters", "reason", set(Parked)),
        ("pipeline_consumer_errors", "step", set(Step)),
        ("pipeline_consumer_commits", "result", {"ok", "failed"}),
        ("pipeline_consumer_rebalances", "event", {"assigned", "revoked"}),
        ("pipeline_store_rows", "result", {"stored", "duplicate"}),
        ("pipeline_store_retries", "kind", set(Trouble)),
        ("pipeline_stage_duration_seconds", "stage", set(Stage)),
    ],
)
def test_every_child_is_there_from_the_start_at_0(
    registry: CollectorRegistry, name: str, label: str, values: set[str]
) -> None:
    WorkerMetrics(registry)
    assert children(registry, name, label) == {str(value) for value in values}
    assert {
        sample.value
        for metric in registry.collect()
        if metric.name == name
        for sample in metric.samples
        if label in sample.labels and not sample.name.endswith("_created")
    } == {0.0}


def test_a_partition_that_went_elsewhere_takes_its_gauges_along(registry: CollectorRegistry) -> None:
    metrics = WorkerMetrics(registry)
    for partition in (1, 2):
        metrics.lag.labels(EVENTS.name, partition).set(5)
        metrics.watermark.labels(EVENTS.name, partition).set(5)
    metrics.forget(EVENTS.name, 1)
    assert children(registry, "pipeline_consumer_lag_records", "partition") == {"2"}
    assert children(registry, "pipeline_consumer_watermark_timestamp_seconds", "partition") == {"2"}


def test_forgetting_a_partition_twice_or_before_its_first_record_is_no_error(registry: CollectorRegistry) -> None:
    metrics = WorkerMetrics(registry)
    metrics.forget(EVENTS.name, 1)
    metrics.forget(EVENTS.name, 1)


@pytest.mark.parametrize("value", [*Step, *Parked, *Trouble], ids=repr)
def test_every_value_of_a_label_is_given_somewhere(value: Step | Parked | Trouble) -> None:
    member = f"{type(value).__name__}.{value.name}"
    users = [path for path in WORKER.rglob("*.py") if re.search(rf"\b{member}\b", path.read_text())]
    assert users, f"nothing ever counts {member}"

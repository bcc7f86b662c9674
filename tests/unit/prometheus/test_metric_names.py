"""Names are an interface: what rules and panels read must be declared, and each declared metric is told of."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from api.metrics import ApiMetrics, HandlerMetrics
from contract.exposition import build_registry
from grafana.dashboards import FOLDER
from tests.promql import ROOT, metrics, panel_expressions, rules
from traffic.metrics import TrafficMetrics
from worker.metrics import WorkerMetrics

# Of kafka-exporter 1.9, of Prometheus itself, and of the client library's process collector.
OTHERS = {
    "kafka_brokers",
    "kafka_topic_partitions",
    "kafka_topic_partition_current_offset",
    "kafka_topic_partition_oldest_offset",
    "kafka_consumergroup_current_offset",
    "kafka_consumergroup_lag",
    "kafka_consumergroup_members",
    "up",
    "scrape_duration_seconds",
    "scrape_samples_post_metric_relabeling",
    "ALERTS",
    "prometheus_rule_evaluation_failures_total",
    "prometheus_rule_group_interval_seconds",
    "prometheus_rule_group_iterations_missed_total",
    "prometheus_rule_group_last_duration_seconds",
}


@cache
def declared() -> set[str]:
    """The series names of all three processes, as Prometheus stores them."""
    names: set[str] = set()
    for service, build in (("api", ApiMetrics), ("worker", WorkerMetrics), ("traffic", TrafficMetrics)):
        registry: CollectorRegistry = build_registry(service)
        build(registry)
        for family in registry.collect():
            endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "info": ["_info"]}
            names |= {family.name + ending for ending in endings.get(family.type, [""])}
    return names


def recorded() -> set[str]:
    return {rule["record"] for rule in rules() if "record" in rule}


def queries() -> dict[str, str]:
    found = {f"rule {rule.get('record') or rule['alert']}": rule["expr"] for rule in rules()}
    for path in sorted(FOLDER.glob("*.json")):
        expressions = panel_expressions(json.loads(path.read_text()))
        found |= {f"{path.stem}: {place}": expr for place, expr in expressions.items()}
    return found


QUERIES = queries()


@pytest.mark.parametrize("place", QUERIES)
def test_a_query_reads_only_what_somebody_declares(place: str) -> None:
    by_pattern = {""}  # {__name__=~"..."}
    assert metrics(QUERIES[place]) <= declared() | recorded() | OTHERS | by_pattern


@pytest.mark.parametrize("build", [ApiMetrics, WorkerMetrics, TrafficMetrics])
def test_every_child_of_a_counter_is_there_from_the_start_at_0(build: Callable[[CollectorRegistry], Any]) -> None:
    registry = CollectorRegistry()
    metrics = build(registry)
    if isinstance(metrics, ApiMetrics):
        HandlerMetrics(metrics, "POST", "/register_event")  # the requests' series are the handlers'
    counters = [family for family in registry.collect() if family.type == "counter"]
    assert [family.name for family in counters if not family.samples] == []
    values = {sample.value for family in counters for sample in family.samples if sample.name.endswith("_total")}
    assert values == {0}


def test_every_recorded_signal_is_read_somewhere() -> None:
    read = set().union(*(metrics(query) for query in QUERIES.values()))
    assert recorded() <= read


def test_names_of_others_are_listed_only_while_they_are_read() -> None:
    read = set().union(*(metrics(query) for query in QUERIES.values()))
    assert read >= OTHERS


def test_every_metric_of_ours_is_told_of() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    ours = {name for name in declared() if name.startswith(("pipeline_", "http_", "simulator_"))}
    histograms = ("_bucket", "_sum", "_count")
    assert [name for name in ours if not name.endswith(histograms) and f"`{name}`" not in page] == []

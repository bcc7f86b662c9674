"""What a process's metrics port answers: the same series in Prometheus's old text and in OpenMetrics."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import create_server
from typing import Any

import pytest
import requests
from prometheus_client import CollectorRegistry, parser
from prometheus_client.openmetrics import parser as openmetrics

from api.metrics import ApiMetrics
from contract.exposition import BatchHistogram, build_registry, serve
from contract.signals import EXEMPLAR, EXEMPLARS
from stack.ports import HOST, free_ports
from traffic.metrics import TrafficMetrics
from worker.metrics import WorkerMetrics

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"  # as Prometheus asks
ID = "0190a6f2-7c3a-7b1e-8f2a-0123456789ab"
Build = Callable[[CollectorRegistry], Any]


@pytest.fixture
def histogram() -> BatchHistogram:
    return BatchHistogram("h", "h", registry=CollectorRegistry(), buckets=(1, 2, 5))


@contextmanager
def served(registry: CollectorRegistry) -> Iterator[Callable[[str], requests.Response]]:
    """Asks the metrics port, accepting what is given."""
    (port,) = free_ports(1)
    stop = serve(registry, HOST, port)
    try:
        yield lambda accept: requests.get(f"http://{HOST}:{port}/metrics", headers={"Accept": accept}, timeout=10)
    finally:
        stop()


def exemplars(histogram: BatchHistogram) -> dict[str, tuple[dict[str, str], float]]:
    (family,) = histogram.collect()
    return {s.labels["le"]: (s.exemplar.labels, s.exemplar.value) for s in family.samples if s.exemplar}


def samples(text: str, parse: Any) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    moving = ("process_", "python_gc_")
    found = [sample for family in parse(text) for sample in family.samples if not sample.name.startswith(moving)]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in found}


@pytest.mark.parametrize(
    ("values", "bucket", "index"),
    [([0.5], "1.0", 0), ([0.5, 1.5, 1.0], "2.0", 1), ([1.0, 1.0], "1.0", 0), ([0.1, 9.0], "+Inf", 1)],
)
def test_the_greatest_of_a_batch_is_its_buckets_exemplar(
    histogram: BatchHistogram, values: list[float], bucket: str, index: int
) -> None:
    histogram.observe_all(values, lambda index: f"event-{index}")
    assert exemplars(histogram) == {bucket: ({EXEMPLAR: f"event-{index}"}, max(values))}


def test_a_value_seen_many_times_counts_as_if_it_were_told_as_often(histogram: BatchHistogram) -> None:
    histogram.observe_all([0.5, 1.5, 0.25], lambda index: f"event-{index}", times=[2, 3, 4])
    told = BatchHistogram("h", "h", registry=CollectorRegistry(), buckets=(1, 2, 5))
    told.observe_all([0.5] * 2 + [1.5] * 3 + [0.25] * 4)
    assert [bucket.get() for bucket in histogram._buckets] == [bucket.get() for bucket in told._buckets]
    assert histogram._sum.get() == told._sum.get()
    assert exemplars(histogram) == {"2.0": ({EXEMPLAR: "event-1"}, 1.5)}


def test_other_buckets_keep_theirs(histogram: BatchHistogram) -> None:
    histogram.observe_all([4.0], lambda _: "slow")
    histogram.observe_all([0.5], lambda _: "fast")
    assert {bucket: labels[EXEMPLAR] for bucket, (labels, _) in exemplars(histogram).items()} == {
        "5.0": "slow", "1.0": "fast",
    }  # fmt: skip


def test_without_events_or_without_ids_there_is_no_exemplar(histogram: BatchHistogram) -> None:
    histogram.observe_all([], lambda _: "nobody")
    histogram.observe_all([1.0])
    assert exemplars(histogram) == {}


@pytest.mark.parametrize(
    ("service", "build"), [("api", ApiMetrics), ("worker", WorkerMetrics), ("traffic", TrafficMetrics)]
)
def test_openmetrics_names_every_series_as_the_old_text_does(service: str, build: Build) -> None:
    registry = build_registry(service)
    build(registry)
    with served(registry) as ask:
        old, new = ask("text/plain"), ask(OPENMETRICS)
    assert old.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert new.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    found = samples(new.text, openmetrics.text_string_to_metric_families)
    assert found == samples(old.text, parser.text_string_to_metric_families)
    assert len(found) > 10


def test_exemplars_leave_in_openmetrics_only() -> None:
    registry = build_registry("worker")
    WorkerMetrics(registry).end_to_end.observe_all([0.03], lambda _: ID)
    with served(registry) as ask:
        old, new = ask("text/plain").text, ask(OPENMETRICS).text
    assert ID not in old
    families = openmetrics.text_string_to_metric_families(new)
    found = [s for family in families for s in family.samples if s.exemplar]
    assert [(s.name, s.labels["le"], s.exemplar.labels) for s in found] == [
        ("pipeline_end_to_end_latency_seconds_bucket", "0.04", {EXEMPLAR: ID})
    ]


def test_the_histograms_with_exemplars_exist() -> None:
    registries = [build_registry(service) for service in ("api", "worker")]
    ApiMetrics(registries[0])
    WorkerMetrics(registries[1])
    histograms = {family.name for registry in registries for family in registry.collect() if family.type == "histogram"}
    assert set(EXEMPLARS) <= histograms


def test_a_port_that_is_taken_is_named() -> None:
    with create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"metrics cannot be served on {HOST}:{port}"):
            serve(build_registry("api"), HOST, port)

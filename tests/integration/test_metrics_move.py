"""No declared metric stands still: the usual ones move with usual traffic, the others in a test of their fault."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stack.ports import HOST
from stack.stack import Stack
from tests.integration.gateway import Client, event
from tests.integration.observed import send_events
from tests.integration.rows import Rows
from tests.integration.series import Series
from tests.waiting import until

TESTS = Path(__file__).parents[1]
AT_REST = {
    "http_requests_inprogress",
    "pipeline_clock_skew_total",
    "pipeline_consumer_dead_letters_total",
    "pipeline_consumer_errors_total",
    "pipeline_consumer_halted",
    "pipeline_consumer_inflight_records",
    "pipeline_consumer_lag_records",
    "pipeline_consumer_paused",
    "pipeline_consumer_skipped_records_total",
    "pipeline_event_log_errors_total",
    "pipeline_producer_errors_total",
    "pipeline_producer_inflight_bytes",
    "pipeline_producer_inflight_records",
    "pipeline_producer_late_acks_total",
    "pipeline_spool_bytes",
    "pipeline_spool_drained_total",
    "pipeline_spool_errors_total",
    "pipeline_spool_oldest_timestamp_seconds",
    "pipeline_spool_records",
    "pipeline_spool_refused_records",
    "pipeline_store_fenced_records_total",
    "pipeline_store_fenced_total",
    "pipeline_store_retries_total",
}
"""At 0 while all is well."""


def gateway_url(stack: Stack) -> str:
    return f"http://{HOST}:{stack.ports.api_metrics[0]}/metrics"


def worker_url(stack: Stack) -> str:
    return f"http://{HOST}:{stack.ports.worker_metrics[0]}/metrics"


def still(url: str) -> set[str]:
    """Names of ours of which no series has another value than 0."""
    samples = [sample for sample in Series(url).samples if sample.name.startswith(("pipeline_", "http_"))]
    return {sample.name for sample in samples} - {sample.name for sample in samples if sample.value}


@pytest.mark.parametrize("url", [gateway_url, worker_url])
def test_usual_traffic_moves_every_metric_but_those_of_faults(
    url: Callable[[Stack], str], stack: Stack, gateway: Client, rows: Rows
) -> None:
    send_events(stack)
    twice = event()
    gateway.register(twice)
    gateway.register(twice)
    until(lambda: rows.one(twice["event_id"]), within=30)
    duplicates = lambda: Series(worker_url(stack)).value("pipeline_store_rows_total", result="duplicate")  # noqa: E731
    until(duplicates, within=30)
    assert still(url(stack)) <= AT_REST


@pytest.mark.parametrize("name", sorted(AT_REST))
def test_a_metric_of_a_fault_is_looked_at_by_a_test_of_it(name: str) -> None:
    stem = name.removeprefix("pipeline_").removesuffix("_total")
    others = [path for path in TESTS.rglob("test_*.py") if path != Path(__file__)]
    assert [path.name for path in others if stem in path.read_text()]

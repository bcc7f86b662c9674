"""From the request to the row: each event exactly once, and the books of every station agree."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.metrics import Outcome, ProducerError, Rejection
from contract.topics import EVENTS
from stack.ports import HOST
from stack.stack import Stack
from tests.integration.gateway import EVENT, JSON, Client, event
from tests.integration.rows import Rows
from tests.integration.series import Series
from tests.waiting import until


@pytest.fixture
def worker_url(stack: Stack) -> str:
    return f"http://{HOST}:{stack.ports.worker_metrics[0]}/metrics"


def at_rest(worker_url: str) -> Series:
    """The worker's series once it has stored everything there is."""

    def look() -> Series | None:
        series = Series(worker_url)
        lags = [sample.value for sample in series.samples if sample.name == "pipeline_consumer_lag_records"]
        return series if len(lags) == EVENTS.partitions and not any(lags) else None

    found = until(look, within=60)
    assert found is not None
    return found


def test_one_event_sent_a_hundred_times_at_once_is_one_row_and_99_duplicates(
    gateway: Client, rows: Rows, worker_url: str
) -> None:
    before = at_rest(worker_url)
    sent = event(properties={"sent": "at once"})
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: gateway.register(sent).status_code, range(100)))
    assert answers == [201] * 100

    def rows_since(result: str) -> float:
        name = "pipeline_store_rows_total"
        return Series(worker_url).value(name, result=result) - before.value(name, result=result)

    until(lambda: rows_since("duplicate") == 99, within=60)
    assert rows_since("stored") == 1
    assert len(rows.of([sent["event_id"]])) == 1
    assert gateway.register(sent).status_code == 201
    until(lambda: rows_since("duplicate") == 100, within=60)


def test_of_two_events_with_one_id_the_first_is_kept(gateway: Client, rows: Rows, worker_url: str) -> None:
    first = event(properties={"version": 1})
    for version in (1, 2):
        gateway.register({**first, "properties": {"version": version}})
    at_rest(worker_url)
    assert until(lambda: rows.one(first["event_id"]), within=30)["properties"] == {"version": 1}


def test_the_gateways_books_balance_after_a_known_mix(gateway: Client) -> None:
    before = Series(gateway.metrics_url)
    for _ in range(3):
        gateway.register(event())
        gateway.register({"event_type": "Bad"})
    gateway.post("/register_event", data=b"{", headers=JSON)
    gateway.post("/register_event", data=EVENT, headers={"Content-Type": "text/plain"})
    gateway.post("/register_event", data=EVENT.ljust(300_000), headers=JSON)
    gateway.post("/register_events", json=[event(), {"event_type": "Bad"}, event(), 17])
    gateway.post("/register_events", data=b"{}", headers=JSON)
    gateway.get("/register_event")
    after = Series(gateway.metrics_url)

    def grown(name: str, **labels: str) -> float:
        return after.sum(name, **labels) - before.sum(name, **labels)

    assert grown("pipeline_events_received_total") == 3 + 3 + 1 + 1 + 1 + 4 + 1
    assert grown("pipeline_events_accepted_total", outcome="published") == 5
    assert grown("pipeline_events_accepted_total", outcome="spooled") == 0
    rejected = {reason: grown("pipeline_events_rejected_total", reason=reason) for reason in Rejection}
    assert {reason: events for reason, events in rejected.items() if events} == {
        Rejection.VALIDATION: 5, Rejection.MALFORMED: 2, Rejection.MEDIA_TYPE: 1, Rejection.TOO_LARGE: 1,
    }  # fmt: skip
    assert grown("pipeline_producer_attempts_total") == grown("pipeline_producer_acked_total") == 5
    assert grown("pipeline_producer_ack_duration_seconds_count") == 5
    requests = Counter[str]()
    for sample in after.samples:
        if sample.name == "http_requests_total" and sample.labels["handler"].startswith("/register_event"):
            requests[sample.labels["status"]] += int(sample.value)
    for sample in before.samples:
        if sample.name == "http_requests_total" and sample.labels["handler"].startswith("/register_event"):
            requests[sample.labels["status"]] -= int(sample.value)
    assert +requests == {"201": 3, "422": 3, "400": 2, "415": 1, "413": 1, "200": 1, "405": 1}


def test_every_labelled_series_of_the_gateway_is_there_from_the_start(gateway: Client) -> None:
    series = Series(gateway.metrics_url)
    for name, label, values in (
        ("pipeline_events_accepted_total", "outcome", Outcome),
        ("pipeline_events_rejected_total", "reason", Rejection),
        ("pipeline_producer_errors_total", "kind", ProducerError),
    ):
        assert {child[label] for child in series.children(name)} == {str(value) for value in values}
    statuses = {
        child["status"]
        for child in series.children("http_requests_total")
        if child["handler"] == "/register_event" and child["method"] == "POST"
    }
    assert statuses == {"200", "201", "202", "400", "401", "408", "413", "415", "422", "429", "500", "503", "504"}


def test_hot_and_other_routes_have_the_same_series_with_the_same_labels(gateway: Client) -> None:
    gateway.get("/healthz")
    gateway.register(event())
    series = Series(gateway.metrics_url)

    def shape(handler: str) -> set[tuple[str, frozenset[str]]]:
        return {
            (sample.name, frozenset(sample.labels))
            for sample in series.samples
            if sample.labels.get("handler") == handler and sample.name != "http_requests_inprogress"
        }

    assert shape("/healthz") == shape("/register_event") == shape("/register_events")
    assert {name for name, _ in shape("/healthz")} == {
        "http_requests_total",
        "http_request_duration_seconds_bucket",
        "http_request_duration_seconds_count",
        "http_request_duration_seconds_sum",
    }


def test_the_endpoint_on_the_gateway_shows_what_the_metrics_port_shows(gateway: Client) -> None:
    names = {sample.name for sample in Series(gateway.metrics_url).samples}
    assert {sample.name for sample in Series(f"{gateway.url}/metrics").samples} == names


def test_the_workers_books_add_up_to_the_topic(gateway: Client, worker_url: str, rows: Rows) -> None:
    before = at_rest(worker_url)
    sent = [event(f"user-{number}") for number in range(200)]
    gateway.post("/register_events", json=sent)
    until(lambda: len(rows.of([s["event_id"] for s in sent])) == 200, within=60)
    after = at_rest(worker_url)

    def grown(name: str, **labels: Any) -> float:
        return after.sum(name, **labels) - before.sum(name, **labels)

    assert grown("pipeline_consumer_records_total") == 200
    assert grown("pipeline_store_rows_total", result="stored") == 200
    assert grown("pipeline_event_log_lines_total") == 200
    assert grown("pipeline_end_to_end_latency_seconds_count") == 200
    assert {grown("pipeline_stage_duration_seconds_count", stage=stage) for stage in ("publish", "queue", "store")} == {
        200
    }
    assert grown("pipeline_consumer_dead_letters_total") == 0

"""Gateways with keys, rates and small limits of their own."""

from collections.abc import Iterator

import pytest

from stack.stack import Stack
from tests.integration.gateway import EVENT, JSON, Client, another_gateway, event, problem
from tests.integration.raw_http import connection, head, raw_problem, read_answer
from tests.integration.rows import Rows
from tests.integration.series import Series
from tests.publishers import PUBLISHERS
from tests.waiting import until


@pytest.fixture(scope="module", params=PUBLISHERS)
def guarded(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Client]:
    limits = {
        "API_KEYS": "first-key,second-key",
        "API_RATE_LIMIT_PER_SECOND": "5",
        "API_MAX_BATCH_EVENTS": "20",
        "API_BODY_TIMEOUT_SECONDS": "0.3",
        "API_METRICS_HOST": "127.0.0.1",
        "API_PUBLISHER": request.param,
    }
    with another_gateway(stack, **limits) as client:
        yield client


@pytest.mark.parametrize("key", [None, "", "third-key", "first-key,second-key", "FIRST-KEY"])
def test_without_a_key_of_ours_nothing_is_taken(guarded: Client, key: str | None, rows: Rows) -> None:
    sent = event()
    headers = {} if key is None else {"X-API-Key": key}
    answer = guarded.register(sent, **headers)
    problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"]
    problem(guarded.post("/register_events", json=[sent], headers=headers), 401, "unauthorized")
    assert rows.one(sent["event_id"]) is None


def test_with_a_key_events_are_stored_up_to_its_rate(guarded: Client, rows: Rows) -> None:
    sent = [event() for _ in range(20)]
    answers = [guarded.register(one, **{"X-API-Key": "first-key"}) for one in sent]
    assert {answer.status_code for answer in answers} == {201, 429}
    limited = next(answer for answer in answers if answer.status_code == 429)
    problem(limited, 429, "rate_limited")
    assert int(limited.headers["retry-after"]) == 1
    accepted = [answer.json()["event_id"] for answer in answers if answer.status_code == 201]
    until(lambda: len(rows.of(accepted)) == len(accepted), within=30)
    assert len(rows.of([one["event_id"] for one in sent])) == len(accepted)


def test_keys_have_rates_of_their_own_and_a_batch_counts_its_events(guarded: Client) -> None:
    key = {"X-API-Key": "second-key"}
    batch = [event() for _ in range(20)]
    until(lambda: guarded.post("/register_events", json=batch, headers=key).status_code == 200, within=30)
    problem(guarded.register(event(), **key), 429, "rate_limited")
    until(lambda: guarded.register(event(), **key).status_code == 201, within=30)


def test_refusals_are_counted_by_their_reasons(guarded: Client) -> None:
    series = Series(guarded.metrics_url)
    assert series.value("pipeline_events_rejected_total", reason="unauthorized") > 0
    assert series.value("pipeline_events_rejected_total", reason="rate_limited") > 0
    received = series.value("pipeline_events_received_total")
    assert received == series.sum("pipeline_events_accepted_total") + series.sum("pipeline_events_rejected_total")


def test_a_body_that_never_ends_is_answered_and_the_connection_closed(guarded: Client) -> None:
    with connection(guarded) as opened:
        opened.sendall(
            head("X-API-Key: first-key", "Content-Type: application/json", "Content-Length: 100") + EVENT[:10]
        )
        answer = read_answer(opened)
        raw_problem(answer, 408, "timeout")
        assert answer.closed
        assert opened.recv(1) == b""


def test_what_is_read_without_a_key_stays_readable(guarded: Client) -> None:
    for path in ("/healthz", "/readyz", "/openapi.json", "/metrics"):
        assert guarded.get(path).status_code == 200


@pytest.mark.parametrize("publisher", PUBLISHERS)
def test_a_small_bound_in_flight_sheds_load_and_loses_nothing(stack: Stack, rows: Rows, publisher: str) -> None:
    with another_gateway(stack, API_MAX_INFLIGHT_EVENTS="10", API_PUBLISHER=publisher) as narrow:
        sent = [event(f"user-{number}") for number in range(200)]
        results = narrow.post("/register_events", json=sent).json()["results"]
        published = [result["event_id"] for result in results if result["status"] == "published"]
        refused = [result["problem"] for result in results if result["status"] == "rejected"]
        assert len(published) == 10
        assert {(p["status"], p["type"].rpartition(":")[2]) for p in refused} == {(503, "overload")}
        until(lambda: len(rows.of(published)) == 10, within=30)
        assert len(rows.of([one["event_id"] for one in sent])) == 10
        answer = narrow.post("/register_event", data=EVENT, headers=JSON)
        assert answer.status_code == 201
        assert Series(narrow.metrics_url).value("pipeline_producer_inflight_records") == 0

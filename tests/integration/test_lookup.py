"""``GET /events/{event_id}``: where an event is, from its acceptance to its row."""

from datetime import datetime
from uuid import uuid4

import pytest

from stack.stack import Stack
from tests.integration.gateway import ON_BOTH_CLIENTS, Client, another_gateway, event, problem
from tests.integration.rows import Rows
from tests.waiting import until


@ON_BOTH_CLIENTS
def test_an_event_nobody_has_seen_is_unknown(gateway: Client) -> None:
    event_id = str(uuid4())
    assert gateway.place(event_id) == {"event_id": event_id, "status": "unknown"}


@ON_BOTH_CLIENTS
def test_a_stored_event_is_told_with_its_way_and_its_times(gateway: Client) -> None:
    sent = event(occurred_at="2026-01-01T12:00:00+02:00")
    place = gateway.register(sent, **{"X-Request-Id": "lookup-1"}).json()
    found = until(lambda: (p := gateway.place(sent["event_id"]))["status"] == "stored" and p, within=30)
    assert {name: found[name] for name in ("event_id", "topic", "partition", "offset")} == {
        name: place[name] for name in ("event_id", "topic", "partition", "offset")
    }
    assert found["request_id"] == "lookup-1"
    assert datetime.fromisoformat(found["occurred_at"]) == datetime.fromisoformat(sent["occurred_at"])
    received, stored = (datetime.fromisoformat(found[name]) for name in ("received_at", "stored_at"))
    assert received <= stored
    assert found.keys() >= {"appended_at", "answered_at"}


@ON_BOTH_CLIENTS
def test_ids_are_found_however_they_are_spelled(gateway: Client) -> None:
    sent = event()
    gateway.register(sent)
    until(lambda: gateway.place(sent["event_id"])["status"] == "stored", within=30)
    assert gateway.place(sent["event_id"].upper())["event_id"] == sent["event_id"]


@ON_BOTH_CLIENTS
@pytest.mark.parametrize("event_id", ["17", "not-an-id", "0190a6f2-7c3a-7b1e-8f2a", "%F0%9F%99%82", "' OR 1=1"])
def test_what_is_no_id_is_a_problem(gateway: Client, event_id: str) -> None:
    refused = problem(gateway.get(f"/events/{event_id}"), 422, "validation")
    assert [fault["pointer"] for fault in refused["errors"]] == ["/path/event_id"]


@ON_BOTH_CLIENTS
def test_while_the_worker_is_away_an_event_is_published_and_then_stored(stack: Stack, gateway: Client) -> None:
    stack.stop("worker")
    try:
        sent = event()
        answer = gateway.register(sent)
        place = answer.json()
        found = gateway.place(sent["event_id"])
        assert found.pop("answered_at")
        assert found == {**place, "request_id": answer.headers["x-request-id"]}
    finally:
        stack.start("worker")
    until(lambda: gateway.place(sent["event_id"])["status"] == "stored", within=60)


@ON_BOTH_CLIENTS
def test_another_process_knows_what_is_stored_and_not_what_this_one_remembers(stack: Stack, gateway: Client) -> None:
    sent = event()
    gateway.register(sent)
    until(lambda: gateway.place(sent["event_id"])["status"] == "stored", within=30)
    with another_gateway(stack) as other:
        assert other.place(sent["event_id"])["status"] == "stored"


def test_without_postgresql_what_is_remembered_is_told_and_the_rest_is_503(stack: Stack) -> None:
    with another_gateway(stack, DATABASE_URL="postgresql://events:events@127.0.0.1:9/events") as blind:
        sent = event()
        blind.register(sent)
        assert blind.place(sent["event_id"])["status"] == "published"
        answer = blind.get(f"/events/{uuid4()}")
        problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1


def test_without_kafka_an_event_is_told_to_be_in_the_spool(stack: Stack, rows: Rows) -> None:
    with another_gateway(stack, wait_for_kafka=False, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9") as cut_off:
        sent = event()
        answer = cut_off.register(sent)
        assert answer.status_code == 202
        found = cut_off.place(sent["event_id"])
        assert found.pop("answered_at")
        request_id = answer.headers["x-request-id"]
        assert found == {"event_id": sent["event_id"], "status": "spooled", "request_id": request_id}
    assert rows.one(sent["event_id"]) is None

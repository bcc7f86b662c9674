"""What the gateway says it did is what Kafka, PostgreSQL and consumer.log show."""

from datetime import UTC, datetime
from json import dumps, loads
from uuid import UUID

import pytest
from kafka.partitioner.default import murmur2

from contract.topics import EVENTS
from stack.stack import Stack
from tests.integration.gateway import (
    EVENT,
    JSON,
    MOST_BATCH_BYTES,
    MOST_BYTES,
    NDJSON,
    ON_BOTH_CLIENTS,
    Client,
    chunks,
    event,
    problem,
)
from tests.integration.rows import Rows
from tests.integration.topic import TopicReader
from tests.waiting import until

pytestmark = ON_BOTH_CLIENTS

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_published_events_record_is_where_the_answer_says(gateway: Client, events: TopicReader) -> None:
    sent = event("schlüssel-1", occurred_at="2026-01-01T12:00:00+02:00", source="web", properties={"a": [1, 2.5, None]})
    before = datetime.now(UTC)
    answer = gateway.register(sent, **{"X-Request-Id": "my-request", "traceparent": TRACE})
    assert answer.status_code == 201
    assert answer.headers["x-request-id"] == "my-request"
    place = answer.json()
    assert place == {
        "event_id": sent["event_id"],
        "status": "published",
        "topic": EVENTS.name,
        "partition": place["partition"],
        "offset": place["offset"],
    }
    record = events.record(place["partition"], place["offset"])
    assert record.key == "schlüssel-1".encode()
    assert record.headers == [
        ("schema_version", b"1"),
        ("request_id", b"my-request"),
        ("traceparent", TRACE.encode()),
    ]
    value = loads(record.value)
    assert before <= datetime.fromisoformat(value.pop("received_at")) <= datetime.now(UTC)
    assert value.pop("occurred_at") == "2026-01-01T10:00:00Z"
    del sent["occurred_at"]
    assert value == sent


def test_an_event_without_an_id_gets_one_and_is_stored_under_it(gateway: Client, rows: Rows) -> None:
    place = gateway.register({"event_type": "a", "user_id": "u"}).json()
    assert UUID(place["event_id"]).version == 7
    assert until(lambda: rows.one(place["event_id"]), within=30)["user_id"] == "u"


def test_the_row_is_the_event_and_tells_its_way(gateway: Client, rows: Rows) -> None:
    sent = event(
        "user \\ \t \n ' \" 🙂",
        "odd.texts",
        occurred_at="2026-01-01T12:00:00.123456+02:00",
        source="\\N",
        properties={
            "\\copy": "\\.",
            "text": "tab\tnewline\nreturn\rback\\slash \u2028 \x7f \x1b[31m {braces} 🙂",
            "numbers": [0, -1, 2.5, 1e-308, 10**300],
            "nested": {"": None, "a": [True, False, [], {}]},
        },
    )
    place = gateway.register(sent, **{"X-Request-Id": "odd/texts"}).json()
    row = until(lambda: rows.one(sent["event_id"]), within=30)
    assert row["event_type"] == "odd.texts"
    assert row["user_id"] == sent["user_id"]
    assert row["source"] == sent["source"]
    assert row["properties"] == sent["properties"]
    assert row["occurred_at"] == datetime.fromisoformat(sent["occurred_at"])
    assert (row["topic"], row["kafka_partition"], row["kafka_offset"]) == (
        place["topic"], place["partition"], place["offset"],
    )  # fmt: skip
    assert row["request_id"] == "odd/texts"
    assert row["received_at"] <= row["stored_at"]


def test_a_double_keeps_its_value_though_jsonb_writes_it_in_another_way(gateway: Client, rows: Rows) -> None:
    sent = event(properties={"largest": 1.7976931348623157e308, "whole": 1.0, "negative": -0.0})
    gateway.register(sent)
    stored = until(lambda: rows.one(sent["event_id"]), within=30)["properties"]
    assert {name: float(number) for name, number in stored.items()} == sent["properties"]


def test_the_log_has_one_line_for_the_event(gateway: Client, rows: Rows, stack: Stack) -> None:
    sent = event(properties={"text": "two\nlines {and} \x1b[31mred"})
    place = gateway.register(sent).json()
    until(lambda: rows.one(sent["event_id"]), within=30)
    lines = [line for line in stack.consumer_log.read_text().split("\n") if sent["event_id"] in line]
    (line,) = map(loads, lines)
    assert (line["partition"], line["offset"]) == (place["partition"], place["offset"])
    assert line["event"]["properties"] == sent["properties"]


def test_events_of_one_user_share_a_partition_that_any_java_client_would_choose(gateway: Client) -> None:
    for user in ("a", "user-42", "schlüssel", "🙂"):
        partitions = {gateway.register(event(user)).json()["partition"] for _ in range(3)}
        assert partitions == {(murmur2(user.encode()) & 0x7FFFFFFF) % EVENTS.partitions}


def test_a_batch_is_answered_in_order_and_bad_ones_drag_nobody_along(
    gateway: Client, events: TopicReader, rows: Rows
) -> None:
    good = [event(f"user-{number}") for number in range(4)]
    batch = [good[0], {"event_type": "Bad"}, good[1], 17, good[2], {**good[3], "sauce": 1}]
    answer = gateway.post("/register_events", json=batch)
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [result["index"] for result in results] == list(range(6))
    assert [result["status"] for result in results] == [
        "published", "rejected", "published", "rejected", "published", "rejected",
    ]  # fmt: skip
    assert {result["problem"]["status"] for result in results if result["status"] == "rejected"} == {422}
    assert [result.get("event_id") for result in results[::2]] == [sent["event_id"] for sent in good[:3]]
    for sent, place in zip(good[:3], results[::2], strict=True):
        assert loads(events.record(place["partition"], place["offset"]).value)["event_id"] == sent["event_id"]
    until(lambda: len(rows.of([sent["event_id"] for sent in good[:3]])) == 3, within=30)
    assert rows.one(good[3]["event_id"]) is None


def test_lines_are_taken_like_an_array(gateway: Client, rows: Rows) -> None:
    sent = [event() for _ in range(3)]
    body = "\n".join([*map(dumps, sent), "", "{"])
    answer = gateway.post("/register_events", data=body, headers=NDJSON)
    assert [r.get("problem", r)["status"] for r in answer.json()["results"]] == ["published"] * 3 + [400]
    until(lambda: len(rows.of([s["event_id"] for s in sent])) == 3, within=30)


def test_a_full_batch_is_stored_to_the_last_event_in_the_order_of_each_user(gateway: Client, rows: Rows) -> None:
    sent = [event(f"user-{number % 7}", properties={"number": number}) for number in range(1000)]
    answer = gateway.post("/register_events", json=sent)
    assert [result["event_id"] for result in answer.json()["results"]] == [s["event_id"] for s in sent]
    stored = until(
        lambda: (found := rows.of([s["event_id"] for s in sent])) and len(found) == 1000 and found, within=60
    )
    for user in range(7):
        numbers = [
            row["properties"]["number"]
            for row in sorted(stored.values(), key=lambda row: row["kafka_offset"])
            if row["user_id"] == f"user-{user}"
        ]
        assert numbers == list(range(user, 1000, 7))


def test_one_event_more_than_a_full_batch_is_refused_whole(gateway: Client, events: TopicReader) -> None:
    before = events.ends()
    problem(gateway.post("/register_events", json=[event() for _ in range(1001)]), 413, "too_large")
    assert events.ends() == before


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/metrics", "/healthz", "/readyz"])
def test_what_people_and_machines_read_is_served(gateway: Client, path: str) -> None:
    assert gateway.get(path).status_code == 200


def test_a_body_of_exactly_the_limit_is_accepted_however_it_comes(gateway: Client) -> None:
    body = EVENT.ljust(MOST_BYTES)
    assert gateway.post("/register_event", data=body, headers=JSON).status_code == 201
    assert gateway.post("/register_event", data=chunks(body), headers=JSON).status_code == 201
    batch = (b"[" + EVENT).ljust(MOST_BATCH_BYTES - 1) + b"]"
    assert gateway.post("/register_events", data=batch, headers=JSON).status_code == 200


def test_of_repeated_names_the_last_counts_and_reaches_kafka(gateway: Client, events: TopicReader) -> None:
    body = b'{"event_type":"first","user_id":"u","event_type":"last","properties":{"a":1,"a":2}}'
    place = gateway.post("/register_event", data=body, headers=JSON).json()
    value = loads(events.record(place["partition"], place["offset"]).value)
    assert (value["event_type"], value["properties"]) == ("last", {"a": 2})

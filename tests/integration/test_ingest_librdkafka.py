"""The other Kafka client behind the same answers: which one it is cannot be told from outside."""

from collections.abc import Iterator
from json import loads

import pytest

from stack.stack import Stack
from tests.integration.gateway import Client, another_gateway, event
from tests.integration.rows import Rows
from tests.integration.series import Series
from tests.integration.topic import TopicReader
from tests.waiting import until


@pytest.fixture(scope="module")
def other(stack: Stack) -> Iterator[Client]:
    with another_gateway(stack, API_PUBLISHER="librdkafka") as client:
        yield client


@pytest.mark.parametrize("user", ["a", "user-42", "schlüssel", "🙂"])
def test_both_clients_write_the_same_record_to_the_same_partition(
    gateway: Client, other: Client, events: TopicReader, user: str
) -> None:
    sent = event(user, properties={"a": [1, 2.5]})
    headers = {"X-Request-Id": "same"}
    places = [client.register(sent, **headers).json() for client in (gateway, other)]
    assert len({place["partition"] for place in places}) == 1
    records = [events.record(place["partition"], place["offset"]) for place in places]
    assert records[0].key == records[1].key == user.encode()
    assert records[0].headers == records[1].headers
    values = [loads(record.value) for record in records]
    for value in values:
        assert value.pop("received_at")
    assert values[0] == values[1]


def test_a_full_batch_is_stored_in_the_order_of_each_user(other: Client, rows: Rows) -> None:
    sent = [event(f"user-{number % 7}", properties={"number": number}) for number in range(1000)]
    answer = other.post("/register_events", json=sent)
    assert {result["status"] for result in answer.json()["results"]} == {"published"}
    until(lambda: len(rows.of([one["event_id"] for one in sent])) == 1000, within=60)
    stored = sorted(rows.of([one["event_id"] for one in sent]).values(), key=lambda row: row["kafka_offset"])
    for user in range(7):
        numbers = [row["properties"]["number"] for row in stored if row["user_id"] == f"user-{user}"]
        assert numbers == list(range(user, 1000, 7))


def test_its_books_balance(other: Client) -> None:
    series = Series(other.metrics_url)
    accepted = series.value("pipeline_events_accepted_total", outcome="published")
    assert accepted > 0
    assert series.value("pipeline_producer_acked_total") == accepted
    assert series.value("pipeline_producer_inflight_records") == 0

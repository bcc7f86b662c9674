"""Two gateways side by side, one on each Kafka client: which one it is cannot be told from outside.

Each alone has its contract in the modules ``ON_BOTH_CLIENTS``.
"""

from collections.abc import Iterator
from json import loads

import pytest

from stack.stack import Stack
from tests.integration.gateway import Client, another_gateway, event
from tests.integration.series import Series
from tests.integration.topic import TopicReader
from tests.publishers import OTHER


@pytest.fixture(scope="module")
def other(stack: Stack) -> Iterator[Client]:
    with another_gateway(stack, API_PUBLISHER=OTHER) as client:
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


def test_both_tell_the_same_metrics(gateway: Client, other: Client) -> None:
    for client in (gateway, other):
        assert client.register(event()).status_code == 201
    assert names(gateway) == names(other)


def test_the_others_books_balance(other: Client) -> None:
    series = Series(other.metrics_url)
    accepted = series.value("pipeline_events_accepted_total", outcome="published")
    assert accepted > 0
    assert series.value("pipeline_producer_acked_total") == accepted
    assert series.value("pipeline_producer_ack_duration_seconds_count") == accepted
    assert series.value("pipeline_producer_inflight_records") == 0


def names(client: Client) -> set[str]:
    return {
        sample.name for sample in Series(client.metrics_url).samples if sample.name.startswith(("pipeline_", "http_"))
    }

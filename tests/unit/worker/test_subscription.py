"""The subscription with a real client, before the broker has said a word."""

from collections.abc import Iterator
from socket import create_server

import pytest
from kafka.errors import LeaderNotAvailableError
from kafka.structs import TopicPartition
from prometheus_client import CollectorRegistry

from worker.client import LeanConsumer
from worker.metrics import WorkerMetrics
from worker.subscription import Subscription


@pytest.fixture
def subscription() -> Iterator[Subscription]:
    with create_server(("127.0.0.1", 0)) as silent:
        broker = f"127.0.0.1:{silent.getsockname()[1]}"
        subscription = Subscription(
            lambda: LeanConsumer(bootstrap_servers=broker, group_id="group", api_version=(3, 9)),
            WorkerMetrics(CollectorRegistry()),
        )
        yield subscription
        subscription.close(1)


def test_the_head_of_a_partition_that_another_worker_has_is_not_known(subscription: Subscription) -> None:
    assert subscription.fetched_head(TopicPartition("events", 0)) is None


def test_a_partition_whose_leader_has_just_gone_is_an_error_of_kafkas(subscription: Subscription) -> None:
    async def leaves_all_out(*_: object) -> dict[TopicPartition, object]:
        return {}

    subscription._consumer._fetcher._fetch_offsets_by_times_async = leaves_all_out  # as the client does then
    for ask in (subscription.heads, subscription.bounds):
        with pytest.raises(LeaderNotAvailableError, match="partition=1"):
            ask([TopicPartition("events", 1)])


def test_a_commit_without_a_coordinator_fails_at_once(subscription: Subscription) -> None:
    answers = list[BaseException | None]()
    subscription.ask_for_commit({TopicPartition("events", 0): 1}, answers.append)
    assert [type(answer).__name__ for answer in answers] == ["CoordinatorNotAvailableError"]


def test_the_id_of_a_topic_is_not_known_at_first(subscription: Subscription) -> None:
    assert subscription.topic_id is None
    assert subscription.moved() == set()

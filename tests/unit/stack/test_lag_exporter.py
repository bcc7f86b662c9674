import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaTimeoutError
from prometheus_client import CollectorRegistry

from stack.lag_exporter import KafkaCollector


class Offset(NamedTuple):
    offset: int


class Cluster:
    """Answers as kafka-python's admin client does, for one topic `events` with two partitions of 100 records."""

    def __init__(self, commits: dict[int, int], head: int = 100) -> None:
        self.commits, self.head = commits, head
        self.away = self.closed = False

    def describe_cluster(self) -> dict[str, Any]:
        if self.away:
            raise KafkaTimeoutError("no broker answers")
        return {"brokers": [{"broker_id": 1, "host": "127.0.0.1", "port": 9092}]}

    def list_topics(self) -> list[str]:
        return ["events", "__consumer_offsets"]

    def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        partition = {"leader_id": 1, "replica_nodes": [1, 2], "isr_nodes": [1]}
        return [{"name": name, "partitions": [{"partition_index": n, **partition} for n in (0, 1)]} for name in names]

    def list_groups(self) -> list[dict[str, str]]:
        return [{"group_id": "event-workers"}, {"group_id": "somebody-else"}]

    def describe_groups(self, groups: list[str]) -> dict[str, Any]:
        return {group: {"members": ["one", "two"]} for group in groups}

    def list_group_offsets(self, groups: dict[str, None]) -> dict[str, dict[TopicPartition, Offset]]:
        commits = {TopicPartition("events", partition): Offset(offset) for partition, offset in self.commits.items()}
        self.head += 7  # records that arrive between two questions
        return dict.fromkeys(groups, commits)

    def list_partition_offsets(self, specs: dict[TopicPartition, OffsetSpec]) -> dict[TopicPartition, Offset]:
        return {tp: Offset(self.head if spec == OffsetSpec.LATEST else 3) for tp, spec in specs.items()}

    def close(self) -> None:
        self.closed = True


class Scraped:
    """What one scrape of the exporter shows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._samples = {
            (sample.name, tuple(sorted(sample.labels.values()))): sample.value
            for family in registry.collect()
            for sample in family.samples
        }

    def __getitem__(self, key: tuple[str, ...]) -> float:
        return self._samples[key[0], tuple(sorted(key[1:]))]

    def names(self) -> set[str]:
        return {name for name, _ in self._samples}


def exporter(*clusters: Cluster, topics: str = "^events$") -> CollectorRegistry:
    """An exporter that meets these clusters, one a connection."""
    connections: Iterator[Any] = iter(clusters)

    def connect() -> KafkaAdminClient:
        return next(connections)

    registry = CollectorRegistry()
    registry.register(KafkaCollector(connect, topics, "^event-workers$"))
    return registry


def test_lag_is_the_head_minus_the_commit() -> None:
    shown = Scraped(exporter(Cluster({0: 90, 1: 107})))
    assert shown["kafka_topic_partition_current_offset", "events", "0"] == 107
    assert shown["kafka_consumergroup_lag", "event-workers", "events", "0"] == 17
    assert shown["kafka_consumergroup_lag", "event-workers", "events", "1"] == 0


def test_the_head_is_read_after_the_commits_so_lag_is_never_negative() -> None:
    assert Scraped(exporter(Cluster({0: 107})))["kafka_consumergroup_lag", "event-workers", "events", "0"] == 0


def test_a_partition_without_a_commit_has_lag_minus_one_and_is_left_out_of_the_sum() -> None:
    shown = Scraped(exporter(Cluster({0: 90})))
    assert shown["kafka_consumergroup_lag", "event-workers", "events", "1"] == -1
    assert shown["kafka_consumergroup_current_offset", "event-workers", "events", "1"] == -1
    assert shown["kafka_consumergroup_lag_sum", "event-workers", "events"] == 17


def test_a_group_that_never_committed_has_members_but_no_lag() -> None:
    shown = Scraped(exporter(Cluster({})))
    assert shown["kafka_consumergroup_members", "event-workers"] == 2
    assert "kafka_consumergroup_lag" not in shown.names()


def test_topics_and_groups_that_no_filter_asks_for_are_absent() -> None:
    shown = Scraped(exporter(Cluster({0: 90})))
    with pytest.raises(KeyError):
        shown["kafka_topic_partitions", "__consumer_offsets"]
    with pytest.raises(KeyError):
        shown["kafka_consumergroup_members", "somebody-else"]


def test_a_partition_tells_of_its_replicas() -> None:
    shown = Scraped(exporter(Cluster({0: 90})))
    assert shown["kafka_topic_partition_replicas", "events", "0"] == 2
    assert shown["kafka_topic_partition_in_sync_replica", "events", "0"] == 1
    assert shown["kafka_topic_partition_under_replicated_partition", "events", "0"] == 1
    assert shown["kafka_topic_partition_leader_is_preferred", "events", "0"] == 1
    assert shown["kafka_topic_partition_oldest_offset", "events", "0"] == 3


def test_without_topics_there_are_brokers_still() -> None:
    assert Scraped(exporter(Cluster({}), topics="^none$"))["kafka_brokers",] == 1


def test_while_the_broker_is_away_the_series_are_absent_and_the_next_scrape_connects_anew() -> None:
    first, second = Cluster({0: 90}), Cluster({0: 90})
    registry = exporter(first, second)
    assert "kafka_brokers" in Scraped(registry).names()
    first.away = True
    assert Scraped(registry).names() == set()
    assert first.closed
    assert "kafka_brokers" in Scraped(registry).names()


def test_registering_asks_no_broker() -> None:
    assert re.search("kafka_consumergroup_lag", str(list(exporter()._names_to_collectors)))

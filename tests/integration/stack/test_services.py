"""The session's stack: what its services answer, and that each can be stopped, killed, paused and started alone."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import requests
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from contract.topics import EVENTS, TOPICS, WORKER_GROUP
from stack.errors import ServiceFailed
from stack.stack import Phase, Stack
from tests.waiting import until


@pytest.fixture
def stack(stack: Stack) -> Iterator[Stack]:
    """The session's stack, whole again after each test."""
    yield stack
    for name in stack.services:
        if stack.running(name):
            stack.resume(name)
    stack.start()


def healthy_targets(stack: Stack) -> set[str]:
    answer = requests.get(f"{stack.prometheus_url}/api/v1/targets", timeout=10).json()
    return {target["labels"]["instance"] for target in answer["data"]["activeTargets"] if target["health"] == "up"}


def exported(stack: Stack) -> str:
    return requests.get(f"http://127.0.0.1:{stack.ports.kafka_exporter}/metrics", timeout=10).text


def group_lag(stack: Stack) -> list[str]:
    return [line for line in exported(stack).splitlines() if line.startswith("kafka_consumergroup_lag{")]


def test_every_service_is_ready(stack: Stack) -> None:
    assert set(stack.phases.values()) == {Phase.READY}


def test_the_topics_are_as_the_contract_says(stack: Stack, admin: KafkaAdminClient) -> None:
    described = {topic["name"]: topic for topic in admin.describe_topics([topic.name for topic in TOPICS])}
    for topic in TOPICS:
        assert len(described[topic.name]["partitions"]) == topic.partitions


def test_records_are_stamped_by_the_broker(stack: Stack, admin: KafkaAdminClient) -> None:
    config = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, EVENTS.name)])
    assert "LogAppendTime" in json.dumps(config, default=str)


def test_lag_has_a_series_for_every_partition_before_the_first_event(stack: Stack) -> None:
    assert len(group_lag(stack)) == EVENTS.partitions


def test_prometheus_reaches_every_process(stack: Stack) -> None:
    ports = [*stack.ports.api_metrics, *stack.ports.worker_metrics, stack.ports.kafka_exporter, stack.ports.prometheus]
    until(lambda: {f"127.0.0.1:{port}" for port in ports} <= healthy_targets(stack), within=30)


def test_the_database_keeps_what_it_has_promised(stack: Stack, database: psycopg.Connection) -> None:
    [[version, fsync]] = database.execute("SELECT current_setting('server_version_num'), current_setting('fsync')")
    assert int(version) >= 180_000
    assert fsync == "on"


def test_the_database_wants_the_password(stack: Stack) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(stack.database_url.replace("events:events@", "events:wrong@"))


def test_one_more_worker_is_scraped_and_joins_the_group(stack: Stack, admin: KafkaAdminClient) -> None:
    stack.add_worker()
    try:
        until(lambda: len(members(admin)) == 2, within=30)
        address = f"127.0.0.1:{stack.ports.worker_metrics[-1]}"
        until(lambda: address in healthy_targets(stack), within=30)
    finally:
        stack.remove_worker()
    until(lambda: len(members(admin)) == 1, within=30)


def members(admin: KafkaAdminClient) -> list[Any]:
    found: list[Any] = admin.describe_groups([WORKER_GROUP])[WORKER_GROUP]["members"]
    return found


def test_a_killed_broker_comes_back_though_its_old_registration_lives_on(stack: Stack) -> None:
    stack.kill("kafka")
    assert not stack.running("kafka")
    stack.start("kafka")
    until(lambda: len(group_lag(stack)) == EVENTS.partitions, within=30)


def test_while_the_broker_is_away_the_exporter_shows_no_lag_and_lives_on(stack: Stack) -> None:
    stack.stop("kafka")
    until(lambda: not group_lag(stack), within=30)
    stack.start("kafka")
    until(lambda: len(group_lag(stack)) == EVENTS.partitions, within=30)
    assert stack.running("kafka-exporter")


def test_a_killed_database_has_no_process_left_and_starts_again(stack: Stack) -> None:
    stack.kill("postgres")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(stack.database_url, connect_timeout=2)
    stack.start("postgres")
    psycopg.connect(stack.database_url, connect_timeout=10).close()


def test_a_paused_database_answers_nothing_until_it_is_resumed(stack: Stack) -> None:
    stack.pause("postgres")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(stack.database_url, connect_timeout=2)
    stack.resume("postgres")
    psycopg.connect(stack.database_url, connect_timeout=10).close()


def test_a_service_takes_another_environment_for_one_start(stack: Stack) -> None:
    stack.restart("api", {"API_KEYS": "secret"})
    assert requests.post(f"{stack.api_url}/register_event", json={}, timeout=10).status_code == 401
    stack.restart("api")
    assert requests.post(f"{stack.api_url}/register_event", json={}, timeout=10).status_code == 422


def test_a_service_that_cannot_start_says_why(stack: Stack) -> None:
    stack.stop("worker")
    with pytest.raises(ServiceFailed, match=r"worker ended with exit code \d+(.|\n)*(?i:batch_records)"):
        stack.start("worker", environment={"WORKER_BATCH_RECORDS": "0"})
    assert not stack.running("worker")

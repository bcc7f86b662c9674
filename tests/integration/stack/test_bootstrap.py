import subprocess
import sys
from collections.abc import Iterator
from os import environ

import pytest
from kafka import KafkaAdminClient, OffsetAndMetadata, TopicPartition

from contract.topics import EVENTS, WORKER_GROUP
from stack.home import ROOT
from stack.ports import free_ports
from stack.stack import Stack
from worker.bootstrap import create_topics, seed_offsets


@pytest.fixture
def no_worker(stack: Stack) -> Iterator[None]:
    """The group without members, so that its offsets can be set from outside."""
    stack.stop("worker")
    yield
    stack.start("worker")


def bootstrap(servers: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "worker.bootstrap", *arguments],
        cwd=ROOT,
        env={**environ, "KAFKA_BOOTSTRAP_SERVERS": servers},
        capture_output=True,
        text=True,
        timeout=120,
    )


def commits(admin: KafkaAdminClient) -> dict[TopicPartition, int]:
    found = admin.list_group_offsets({WORKER_GROUP: None})[WORKER_GROUP]
    return {partition: commit.offset for partition, commit in found.items()}


def test_a_second_run_changes_nothing_and_succeeds(stack: Stack, admin: KafkaAdminClient) -> None:
    before = commits(admin)
    done = bootstrap(stack.kafka_bootstrap)
    assert done.returncode == 0
    assert "created" not in done.stderr
    assert "seeded" not in done.stderr
    assert commits(admin) == before


def test_topics_that_exist_are_left_alone(stack: Stack, admin: KafkaAdminClient) -> None:
    assert create_topics(admin) == []


def test_a_broker_that_does_not_list_its_topics_yet_has_them_all_the_same(stack: Stack) -> None:
    """A broker answers before it has learnt of its topics from the controller."""

    class Forgetful(KafkaAdminClient):  # type: ignore[misc]
        def list_topics(self) -> list[str]:
            return []

    with Forgetful(bootstrap_servers=stack.kafka_bootstrap) as admin:
        assert create_topics(admin) == []


def test_a_partition_without_a_commit_is_seeded_and_the_others_keep_theirs(
    stack: Stack, admin: KafkaAdminClient, no_worker: None
) -> None:
    kept, lost = TopicPartition(EVENTS.name, 0), TopicPartition(EVENTS.name, 1)
    before = commits(admin)
    admin.alter_group_offsets(WORKER_GROUP, {kept: OffsetAndMetadata(before[kept] + 1, "", None)})
    admin.delete_group_offsets(WORKER_GROUP, [lost])
    assert seed_offsets(admin) == [lost]
    assert commits(admin) == {**before, kept: before[kept] + 1, lost: 0}
    restored = {partition: OffsetAndMetadata(offset, "", None) for partition, offset in before.items()}
    admin.alter_group_offsets(WORKER_GROUP, restored)


def test_without_kafka_it_fails_when_its_time_is_up_and_names_the_address() -> None:
    servers = f"127.0.0.1:{free_ports(1)[0]}"
    done = bootstrap(servers, "--wait", "1")
    assert done.returncode == 1
    assert f"Kafka at {servers} is not prepared" in done.stderr

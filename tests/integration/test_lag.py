"""Lag when nobody is left to tell it: records and seconds, next to a truth this test knows because it made it."""

from collections.abc import Iterator
from time import sleep, time
from typing import NamedTuple

import pytest
from kafka import KafkaAdminClient

from contract.signals import SCRAPE_INTERVAL_SECONDS
from contract.topics import EVENTS, WORKER_GROUP
from stack.stack import Stack
from tests.integration.gateway import Client, event
from tests.integration.observed import Prometheus
from tests.integration.topic import Ends, TopicReader
from tests.waiting import until

RECORDS = f'group:lag_records:sum{{consumergroup="{WORKER_GROUP}"}}'
SECONDS = f'group:lag_seconds:max{{consumergroup="{WORKER_GROUP}"}}'
WATCHED_SECONDS = 16
SCRAPE_SECONDS = 0.25
"""How long a scrape may take, during which nobody has seen what it finds."""
LATER = 9
"""Events that come after the oldest one."""


class Truth(NamedTuple):
    """The oldest waiting record: its place, and when the broker appended it."""

    partition: int
    offset: int
    appended_at: float


def committed(stack: Stack) -> Ends:
    """The group's offsets as Kafka has them."""
    with KafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap) as admin:
        commits = admin.list_group_offsets({WORKER_GROUP: None})[WORKER_GROUP]
    return {place: commit.offset for place, commit in commits.items()}


@pytest.fixture(scope="module")
def prometheus(stack: Stack) -> Prometheus:
    return Prometheus(stack.prometheus_url)


@pytest.fixture(scope="module")
def waiting(stack: Stack, gateway: Client, events: TopicReader, prometheus: Prometheus) -> Iterator[Truth]:
    """Every worker is dead, and has been since before the first of ten events."""
    until(lambda: committed(stack) == events.ends(), within=60)
    until(lambda: prometheus.value(RECORDS) == 0 and prometheus.value(SECONDS) == 0, within=60)
    stack.kill("worker")
    try:
        place = gateway.register(event("lag")).json()
        record = events.record(place["partition"], place["offset"])
        sleep(WATCHED_SECONDS / 2)
        for _ in range(LATER):
            gateway.register(event("lag"))
        sleep(WATCHED_SECONDS / 2)
        yield Truth(place["partition"], place["offset"], record.timestamp / 1000)
    finally:
        stack.start("worker")


def test_lag_in_seconds_is_the_age_of_the_oldest_record_as_long_as_every_worker_is_dead(
    waiting: Truth, prometheus: Prometheus
) -> None:
    head = f'kafka_topic_partition_current_offset{{topic="{EVENTS.name}", partition="{waiting.partition}"}}'
    scraped = prometheus.samples(head, waiting.appended_at - 1)
    first_seen = next(at for at, value in scraped if value > waiting.offset)
    unseen = first_seen - waiting.appended_at
    assert 0 <= unseen <= 2 * SCRAPE_INTERVAL_SECONDS  # a busy machine may miss a scrape
    told = prometheus.samples(SECONDS, first_seen)
    assert len(told) >= WATCHED_SECONDS / SCRAPE_INTERVAL_SECONDS - 2
    ages = [(at - waiting.appended_at, value) for at, value in told]
    most = max(SCRAPE_INTERVAL_SECONDS, unseen)  # a record nobody has scraped is too young for any rule
    assert [(age, value) for age, value in ages if abs(value - age) > most + SCRAPE_SECONDS] == []
    assert max(value for _, value in ages) >= WATCHED_SECONDS - SCRAPE_INTERVAL_SECONDS


@pytest.mark.usefixtures("waiting")
def test_lag_in_records_counts_each_while_every_worker_is_dead(prometheus: Prometheus) -> None:
    until(lambda: prometheus.value(RECORDS) == 1 + LATER, within=10)
    sleep(2 * SCRAPE_INTERVAL_SECONDS)
    assert prometheus.value(RECORDS) == 1 + LATER


@pytest.mark.usefixtures("waiting")
def test_the_board_knows_nobody_is_left(prometheus: Prometheus) -> None:
    members = f'kafka_consumergroup_members{{consumergroup="{WORKER_GROUP}"}}'
    until(lambda: prometheus.value(members) == 0, within=30)


def test_with_a_worker_back_both_are_0_within_seconds(stack: Stack, waiting: Truth, prometheus: Prometheus) -> None:
    assert waiting.appended_at < time()
    stack.start("worker")
    until(lambda: prometheus.value(RECORDS) == 0, within=30)
    until(lambda: prometheus.value(SECONDS) == 0, within=2 * SCRAPE_INTERVAL_SECONDS + 10)

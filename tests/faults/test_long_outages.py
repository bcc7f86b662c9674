"""Outages that outlast every timeout, and networks that are bad for long."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic

import pytest
from kafka import KafkaAdminClient

from contract.topics import EVENTS
from stack.ports import HOST, free_ports
from stack.service import Service
from tests.faults.conftest import Note, on_both_clients
from tests.faults.ledger import SPOOLED
from tests.faults.proxy import Proxy
from tests.faults.pulse import Pulse
from tests.faults.rig import Rig
from tests.waiting import until
from worker.bootstrap import create_topic, create_topics

pytestmark = [pytest.mark.long, on_both_clients()]

IN_TIME = 5.0
LONGER_THAN_ANY_TIMEOUT = 40.0
"""Seconds; kafka-python's longest, for finding a first broker, is 30."""


def test_gateway_and_worker_that_start_long_before_kafka_need_no_restart(rig: Rig, note: Note) -> None:
    rig.stack.kill("kafka")
    rig.stack.restart("api")
    rig.stack.restart("worker")
    ledger = rig.ledger()
    with Pulse(rig.stack.api_url) as pulse, ledger.sending(per_second=50):
        lasting(LONGER_THAN_ANY_TIMEOUT)
        assert ledger.answered(SPOOLED) == ledger.accepted() > 0
        rig.stack.start("kafka")
        until(ledger.publishes(100), within=60)
    balance = ledger.settle(within=60)
    note(balance)
    note(pulse)
    until(lambda: rig.lag() == 0, within=30)
    assert max(entry.seconds for entry in balance.entries) < IN_TIME


def test_a_worker_and_a_gateway_that_lost_kafka_for_long_go_on_by_themselves(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with ledger.sending(per_second=50):
        until(ledger.publishes(50), within=30)
        with rig.paused("kafka"):
            lasting(LONGER_THAN_ANY_TIMEOUT)
        until(ledger.publishes(100), within=60)
    note(ledger.settle(within=90))
    until(lambda: rig.lag() == 0, within=30)


def test_a_broker_bounced_five_times_loses_no_event(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with ledger.sending(per_second=100):
        for end in (rig.stack.stop, rig.stack.kill, rig.stack.stop, rig.stack.kill, rig.stack.stop):
            until(ledger.publishes(100), within=60)
            end("kafka")
            rig.stack.start("kafka")
        until(ledger.publishes(100), within=60)
    note(ledger.settle(within=90))
    until(lambda: rig.lag() == 0, within=30)


def test_a_broker_that_comes_back_under_another_address_is_found(rig: Rig, note: Note) -> None:
    with another_way(rig) as (proxy, moved):
        both = f"{HOST}:{rig.kafka.port},{HOST}:{proxy.port}"
        rig.stack.restart("api", environment={"KAFKA_BOOTSTRAP_SERVERS": both})
        until(rig.kafka_answers, within=30)
        ledger = rig.ledger()
        with ledger.sending(per_second=50):
            until(ledger.publishes(50), within=30)
            rig.stack.stop("kafka")
            rig.kafka.refuse()
            rig.stack.services["kafka"] = moved
            rig.stack.start("kafka")
            until(ledger.publishes(50), within=90)
        note(ledger.settle(within=60))
        rig.stack.stop("kafka")


def test_a_topic_that_was_deleted_and_made_again_is_used_without_a_restart(rig: Rig, note: Note) -> None:
    before = rig.ledger()
    before.send(50)
    before.settle(within=30)
    ledger = rig.ledger()
    with KafkaAdminClient(bootstrap_servers=rig.stack.kafka_bootstrap) as kafka:
        kafka.delete_topics([EVENTS.name])
        with ledger.sending(per_second=50):
            until(ledger.spools(100), within=60)
            create_topics(kafka)
            until(ledger.publishes(100), within=60)
    note(ledger.settle(within=90))
    until(lambda: rig.lag() == 0, within=60)


def test_a_topic_that_was_made_again_while_no_worker_ran_is_read_from_its_start(rig: Rig, note: Note) -> None:
    first = rig.ledger()
    make_the_topic_again(rig)
    until(rig.kafka_answers, within=60)
    first.send(50)
    first.settle(within=60)
    rig.stack.stop("worker")
    make_the_topic_again(rig)
    ledger = rig.ledger()
    with ledger.sending(per_second=300):
        until(ledger.publishes(1000), within=60)  # beyond the offsets of the topic's former life
    rig.stack.start("worker")
    note(ledger.settle(within=60))
    until(lambda: rig.lag() == 0, within=60)


@pytest.mark.parametrize("fault", [{"latency": 0.2}, {"bytes_per_second": 125_000}])
def test_a_slow_network_costs_time_and_nothing_else(rig: Rig, note: Note, fault: dict[str, float]) -> None:
    rig.stack.restart("api", environment=rig.kafka_proxied)
    until(rig.kafka_answers, within=30)
    ledger = rig.ledger()
    with ledger.sending(per_second=500, threads=8, batch=10):
        until(ledger.publishes(200), within=30)
        rig.kafka.slow_down(**fault)
        until(lambda: ledger.accepted() > 3000, within=90)
        rig.kafka.heal()
        until(ledger.publishes(500), within=60)
    balance = ledger.settle(within=90)
    note(f"{fault}: {balance}")
    assert max(entry.seconds for entry in balance.entries) < IN_TIME


def test_memory_stays_flat_through_a_minute_without_kafka_at_a_high_rate(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with ledger.sending(per_second=3000, threads=4, batch=200):
        until(ledger.publishes(5000), within=60)
        before = rig.memory("api")
        with rig.paused("kafka"), Pulse(rig.stack.api_url) as pulse:
            lasting(10)
            early = rig.memory("api")
            lasting(50)
            late = rig.memory("api")
    balance = ledger.settle(within=180)
    note(f"MiB: {before >> 20} with Kafka, {early >> 20} after 10 s without, {late >> 20} after 60 s; {balance}")
    note(pulse)
    assert late - early < 20 * 2**20


def make_the_topic_again(rig: Rig) -> None:
    with KafkaAdminClient(bootstrap_servers=rig.stack.kafka_bootstrap) as kafka:
        kafka.delete_topics([EVENTS.name])
        until(lambda: create_topic(kafka, EVENTS), within=60)  # the name is free some seconds later
        create_topics(kafka)


@contextmanager
def another_way(rig: Rig) -> Iterator[tuple[Proxy, Service]]:
    """A second proxy, and the broker as it would be if it told its clients to come that way."""
    broker = rig.stack.services["kafka"]
    (port,) = free_ports(1)
    files = {path: text.replace(f":{rig.kafka.port}", f":{port}") for path, text in broker.files.items()}
    with Proxy(port, rig.kafka.target) as proxy:
        yield proxy, replace(broker, files=files)


def lasting(seconds: float) -> None:
    """The fault is the time itself."""
    end = monotonic() + seconds
    until(lambda: monotonic() > end, within=seconds + 10)

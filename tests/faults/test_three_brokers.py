"""Three brokers: the death of one, whichever it is, loses nothing, and records are taken again within seconds."""

import pytest
from kafka import KafkaAdminClient

from contract.topics import DEAD_LETTERS, EVENTS
from stack.service import numbered
from tests.faults.conftest import Note, on_both_clients
from tests.faults.rig import Rig
from tests.waiting import until

pytestmark = [pytest.mark.long, on_both_clients("three_brokers")]


def test_every_topic_is_replicated_and_an_ack_means_two_brokers(three_brokers: Rig, note: Note) -> None:
    with admin(three_brokers) as kafka:
        for topic in kafka.describe_topics([EVENTS.name, DEAD_LETTERS.name, "__consumer_offsets"]):
            assert all(len(partition["replica_nodes"]) == 3 for partition in topic["partitions"])


@pytest.mark.parametrize("victim", ["leader", "controller"])
@pytest.mark.parametrize("end", ["stop", "kill", "pause"])
def test_the_end_of_a_broker_under_load_loses_no_event(three_brokers: Rig, note: Note, victim: str, end: str) -> None:
    rig = three_brokers
    name = numbered("kafka", leader(rig) if victim == "leader" else controller(rig))
    ledger = rig.ledger()
    with ledger.sending(per_second=100):
        until(ledger.publishes(200), within=30)
        getattr(rig.stack, end)(name)
        until(ledger.publishes(500), within=60)  # while it is still away
        rig.stack.resume(name) if end == "pause" else rig.stack.start(name)
        until(ledger.publishes(200), within=60)
    note(f"{victim}, {end}: {ledger.settle(within=90)}")
    until(lambda: rig.lag() == 0, within=60)


def test_with_two_brokers_gone_events_wait_on_disk_until_one_is_back(three_brokers: Rig, note: Note) -> None:
    rig = three_brokers
    ledger = rig.ledger()
    with ledger.sending(per_second=100):
        until(ledger.publishes(200), within=30)
        rig.stack.kill("kafka-2")
        rig.stack.kill("kafka-3")
        until(ledger.spools(300), within=60)
        rig.stack.start("kafka-3")
        until(ledger.publishes(200), within=90)
    note(ledger.settle(within=90))


def admin(rig: Rig) -> KafkaAdminClient:
    return KafkaAdminClient(bootstrap_servers=rig.stack.kafka_bootstrap)


def controller(rig: Rig) -> int:
    with admin(rig) as kafka:
        return int(kafka.describe_cluster()["controller_id"])


def leader(rig: Rig) -> int:
    """The broker that leads the first partition of the events."""
    with admin(rig) as kafka:
        (topic,) = kafka.describe_topics([EVENTS.name])
        return next(int(one["leader_id"]) for one in topic["partitions"] if one["partition_index"] == 0)

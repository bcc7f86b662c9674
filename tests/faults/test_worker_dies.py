"""A worker that is killed or frozen at any step: every event is one row, and the lag goes back to 0."""

from typing import Any

import pytest
import requests
from kafka import KafkaAdminClient, TopicPartition

from contract.topics import EVENTS
from tests.faults.conftest import Note
from tests.faults.ledger import Ledger
from tests.faults.rig import Rig
from tests.waiting import until

SHORT_SESSION = {"WORKER_SESSION_TIMEOUT_SECONDS": "6"}


@pytest.mark.parametrize(
    ("step", "table"),
    [("after the poll", "consumer_offsets"), ("in mid-transaction", "events")],
)
def test_a_worker_killed_before_its_commit_stores_nothing_and_its_successor_everything(
    rig: Rig, note: Note, step: str, table: str
) -> None:
    ledger = rig.ledger()
    stored = rig.stored()
    with rig.locked(table):
        ledger.send(50)
        until(rig.worker_waits_for_a_lock, within=10)
        rig.stack.kill("worker")
    assert rig.stored() == stored
    rig.stack.start("worker")
    note(f"{step}: {ledger.settle(within=60)}")
    until(lambda: rig.lag() == 0, within=30)


def test_a_worker_killed_between_the_databases_commit_and_kafkas_stores_nothing_twice(rig: Rig, note: Note) -> None:
    rig.stack.restart("worker", environment=rig.kafka_proxied)
    until(rig.worker_has_its_partitions, within=30)
    ledger = rig.ledger()
    with rig.locked("events"):
        ledger.send(50)
        until(rig.worker_waits_for_a_lock, within=10)
        committed = rig.committed()
        rig.kafka.lose_peers()  # so that Kafka never hears of the commit
    until(lambda: rig.stored() > committed, within=30)
    rig.stack.kill("worker")
    assert rig.committed() == committed
    rig.stack.start("worker")
    note(ledger.settle(within=60))
    until(lambda: rig.lag() == 0, within=30)
    assert rig.metric("pipeline_store_rows_total", "worker", result="duplicate") == 0


def test_a_worker_killed_again_and_again_under_load_stores_every_event_once(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with ledger.sending(per_second=300):
        for _ in range(3):
            until(ledger.publishes(200), within=30)
            rig.stack.kill("worker")
            rig.stack.start("worker")
    note(ledger.settle(within=60))
    until(lambda: rig.lag() == 0, within=30)


def test_records_that_left_the_topic_before_they_were_stored_are_counted_as_lost(rig: Rig, note: Note) -> None:
    rig.stack.stop("worker")
    lost = [_register(rig, "too-late") for _ in range(20)]
    place = TopicPartition(EVENTS.name, lost[0]["partition"])
    with KafkaAdminClient(bootstrap_servers=rig.stack.kafka_bootstrap) as kafka:
        kafka.delete_records({place: lost[-1]["offset"] + 1})
    rig.stack.start("worker")
    until(lambda: rig.metric("pipeline_consumer_skipped_records_total", "worker") == 20, within=30)
    ledger = rig.ledger()
    ledger.send(50)
    note(ledger.settle(within=60))
    until(lambda: rig.lag() == 0, within=30)


def _register(rig: Rig, user_id: str) -> dict[str, Any]:
    """Register an event, and return where it is."""
    event = {"event_type": "page.viewed", "user_id": user_id}
    answer = requests.post(f"{rig.stack.api_url}/register_event", json=event, timeout=10)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def _overtake(rig: Rig, ledger: Ledger) -> None:
    """Another worker goes on where the frozen one stands; then that one wakes up."""
    rig.stack.add_worker(environment=SHORT_SESSION)
    ledger.send(50)
    until(lambda: not ledger.balance().missing, within=60)
    rig.stack.resume("worker")


@pytest.mark.long
def test_a_worker_frozen_beyond_its_session_stores_nothing_when_it_wakes_up(rig: Rig, note: Note) -> None:
    rig.stack.restart("worker", environment=SHORT_SESSION)
    ledger = rig.ledger()
    ledger.send(50)
    ledger.settle(within=30)  # so it knows where its partitions go on
    with rig.locked("consumer_offsets"):
        ledger.send(50)
        until(rig.worker_waits_for_a_lock, within=10)  # it holds a batch, and is about to store it
        rig.stack.pause("worker")
    _overtake(rig, ledger)
    until(lambda: rig.metric("pipeline_store_retries_total", "worker") > 0, within=30)
    with ledger.sending(per_second=100):
        until(lambda: 0 < rig.metric("pipeline_consumer_assigned_partitions", "worker") < EVENTS.partitions, within=30)
    note(ledger.settle(within=60))
    until(lambda: rig.lag() == 0, within=30)


@pytest.mark.long
def test_a_worker_frozen_while_it_asks_for_its_place_takes_what_others_did_for_no_new_topic(
    rig: Rig, note: Note
) -> None:
    ledger = rig.ledger()
    ledger.send(50)
    ledger.settle(within=30)
    rig.stack.stop("worker")
    with rig.locked("consumer_offsets"):
        rig.stack.start("worker", environment=SHORT_SESSION)
        until(rig.worker_waits_for_a_lock, within=30)
        rig.stack.pause("worker")
    _overtake(rig, ledger)
    until(lambda: 0 < rig.metric("pipeline_consumer_assigned_partitions", "worker") < EVENTS.partitions, within=60)
    note(ledger.settle(within=60))
    until(lambda: rig.lag() == 0, within=30)
    assert rig.metric("pipeline_store_rows_total", "worker", result="duplicate") == 0

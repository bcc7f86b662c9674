"""A gateway that is killed at any step loses no event it has answered; one that is stopped answers all it has taken."""

import signal

import pytest
import requests

from tests.faults.conftest import Note, on_both_clients
from tests.faults.ledger import PUBLISHED, SPOOLED
from tests.faults.rig import Rig
from tests.waiting import until


@on_both_clients(always=True)
def test_a_gateway_killed_again_and_again_under_load_loses_nothing_it_has_answered(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with ledger.sending(per_second=200):
        for _ in range(3):
            until(ledger.publishes(150), within=30)
            rig.stack.kill("api")
            rig.stack.start("api")
    note(ledger.settle(within=60))


@on_both_clients()
def test_a_gateway_killed_with_a_full_spool_drains_it_when_it_is_back(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with rig.paused("kafka"):
        with ledger.sending(per_second=200):
            until(lambda: ledger.answered(SPOOLED) > 200, within=30)
            rig.stack.kill("api")
        rig.stack.start("api")
        rig.stack.kill("api")
    rig.stack.start("api")
    note(ledger.settle(within=60))
    assert rig.metric("pipeline_spool_drained_total") > 200


@on_both_clients()
def test_a_gateway_killed_before_it_hears_kafkas_acks_sends_again_what_is_stored_once(rig: Rig, note: Note) -> None:
    rig.stack.restart("api", environment=rig.kafka_proxied)
    until(rig.kafka_answers, within=30)
    ledger = rig.ledger()
    with ledger.sending(per_second=100):
        until(lambda: ledger.answered(PUBLISHED) > 100, within=30)
        rig.kafka.lose_answers()
        until(lambda: ledger.answered(SPOOLED) > 100, within=30)
        rig.stack.kill("api")
        rig.kafka.heal()
        rig.stack.start("api")
    note(ledger.settle(within=60))
    assert rig.metric("pipeline_store_rows_total", "worker", result="duplicate") > 0


@on_both_clients()
def test_a_gateway_told_to_stop_answers_what_it_has_taken_and_ends_with_status_0(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with ledger.sending(per_second=300, threads=8):
        until(lambda: ledger.answered(PUBLISHED) > 300, within=30)
        assert rig.end("api", signal.SIGTERM, within=15) == 0
        with pytest.raises(requests.ConnectionError):
            rig.ready  # noqa: B018 - it is asked, not looked at
        rig.stack.start("api")
    note(ledger.settle(within=60))


@on_both_clients()
def test_a_gateway_told_to_stop_while_kafka_is_frozen_leaves_its_events_on_disk(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with ledger.sending(per_second=200):
        until(lambda: ledger.answered(PUBLISHED) > 100, within=30)
        with rig.paused("kafka"):
            before = ledger.answered(PUBLISHED)
            until(lambda: rig.metric("pipeline_producer_inflight_records") > 2, within=15)
            assert rig.end("api", signal.SIGTERM, within=20) == 0
        assert ledger.answered(SPOOLED) > 0
        assert ledger.answered(PUBLISHED) >= before
        rig.stack.start("api")
    note(ledger.settle(within=60))


@on_both_clients()
def test_a_second_signal_ends_a_gateway_on_the_spot(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with ledger.sending(per_second=100), rig.paused("kafka"):
        until(lambda: rig.metric("pipeline_producer_inflight_records") > 2, within=15)
        rig.stack.processes["api"].signal(signal.SIGTERM)
        until(lambda: not rig.listens(), within=5)  # two signals sent at once may arrive as one
        assert rig.end("api", signal.SIGTERM, within=5) == 128 + signal.SIGTERM
    rig.stack.start("api")
    note(ledger.settle(within=60))


def test_a_worker_told_to_stop_under_load_finishes_its_batch_and_ends_with_status_0(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with ledger.sending(per_second=300):
        until(lambda: ledger.answered(PUBLISHED) > 300, within=30)
        assert rig.end("worker", signal.SIGTERM, within=15) == 0
        assert rig.committed() == rig.stored()
        rig.stack.start("worker")
    note(ledger.settle(within=60))
    assert rig.metric("pipeline_store_rows_total", "worker", result="duplicate") == 0


@pytest.mark.long
def test_a_worker_told_to_stop_while_kafka_is_frozen_ends_with_status_0(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    ledger.send(20)
    with rig.paused("kafka"):
        assert rig.end("worker", signal.SIGTERM, within=20) == 0
    rig.stack.start("worker")
    note(ledger.settle(within=60))


def test_a_spool_whose_gateway_never_comes_back_is_drained_by_a_command(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with rig.paused("kafka"):
        with ledger.sending(per_second=100):
            until(lambda: ledger.answered(SPOOLED) > 100, within=30)
        rig.stack.kill("api")
    file = rig.spool
    assert f"{file}: {ledger.answered(SPOOLED)} records" in rig.spool_command("list", file.parent)
    some = next(entry for entry in ledger.entries if entry.status == SPOOLED)
    assert some.event_id in rig.spool_command("show", file, "--limit", 500)
    assert "Kafka has all of its records" in rig.spool_command("drain", file)
    assert f"{file}: 0 records" in rig.spool_command("list", file.parent)
    note(ledger.balance())
    rig.stack.start("api")
    ledger.settle(within=60)
    assert rig.metric("pipeline_spool_drained_total") == 0

"""Kafka is away, in every way it can be: events are taken all the same, and none is lost."""

import pytest

from tests.faults.conftest import Note, on_both_clients
from tests.faults.ledger import PUBLISHED, SPOOLED
from tests.faults.pulse import Pulse
from tests.faults.rig import Rig
from tests.waiting import until

IN_TIME = 5.0
"""Seconds: the deadline for an answer is 2, and this machine may be busy."""


@on_both_clients(always=True)
def test_a_killed_broker_loses_no_event(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with Pulse(rig.stack.api_url) as pulse, ledger.sending(per_second=200):
        until(lambda: ledger.answered(PUBLISHED) > 200, within=30)
        rig.stack.kill("kafka")
        until(lambda: ledger.answered(SPOOLED) > 200, within=30)
        rig.stack.start("kafka")
        until(ledger.publishes(200), within=30)
    balance = ledger.settle(within=60)
    note(balance)
    note(pulse)
    assert max(entry.seconds for entry in balance.entries) < IN_TIME
    assert pulse.slowest < IN_TIME


@on_both_clients()
def test_a_frozen_broker_holds_nobody_beyond_the_deadline(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with Pulse(rig.stack.api_url) as pulse, ledger.sending(per_second=200):
        until(lambda: ledger.answered(PUBLISHED) > 200, within=30)
        rig.stack.pause("kafka")
        until(lambda: ledger.answered(SPOOLED) > 200, within=30)
        rig.stack.resume("kafka")
        until(ledger.publishes(200), within=30)
    balance = ledger.settle(within=60)
    note(balance)
    note(pulse)
    assert max(entry.seconds for entry in balance.entries) < IN_TIME
    assert pulse.slowest < IN_TIME


@on_both_clients()
@pytest.mark.parametrize("fault", ["hang", "reset", "lose_peers", "refuse"])
def test_a_network_that_fails_between_gateway_and_broker_loses_no_event(rig: Rig, note: Note, fault: str) -> None:
    rig.stack.restart("api", environment=rig.kafka_proxied)
    until(rig.kafka_answers, within=30)
    ledger = rig.ledger()
    with ledger.sending(per_second=200):
        until(lambda: ledger.answered(PUBLISHED) > 200, within=30)
        getattr(rig.kafka, fault)()
        until(lambda: ledger.accepted() > 800, within=30)
        rig.kafka.heal()
        until(ledger.publishes(200), within=30)
    note(ledger.settle(within=60))

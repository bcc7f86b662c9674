"""What cannot be stored is parked with its reason, never more than the limit, and can be brought back."""

from kafka import KafkaProducer

from contract.topics import EVENTS
from tests.faults.conftest import Note
from tests.faults.rig import Rig
from tests.waiting import until


def test_after_a_bad_deploy_the_worker_halts_before_it_parks_everything(rig: Rig, note: Note) -> None:
    rig.stack.restart("worker", environment={"WORKER_DEAD_LETTER_MAX_RUN": "50"})
    until(rig.worker_has_its_partitions, within=30)
    ledger = rig.ledger()
    rig.query("ALTER TABLE events ADD COLUMN surprise text")
    rig.query("ALTER TABLE events ADD CONSTRAINT surprise CHECK (surprise IS NOT NULL) NOT VALID")
    try:
        ledger.send(200)
        until(lambda: rig.metric("pipeline_consumer_halted", "worker") == 1, within=30)
        parked = rig.metric("pipeline_consumer_dead_letters_total", "worker")
        assert parked < 50
        assert rig.lag() == 200 - parked
    finally:
        rig.query("ALTER TABLE events DROP COLUMN surprise CASCADE")
    rig.stack.restart("worker")
    until(lambda: len(ledger.balance().missing) == parked, within=30)
    rig.dead_letter_command("replay", "--reason", "unstorable")
    note(f"{parked:.0f} were parked; {ledger.settle(within=30, in_order=False)}")


def test_dead_letters_are_listed_shown_and_replayed_and_a_replay_stores_nothing_twice(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with rig.rows_refused("true", "23514"):
        good = ledger.send(3)
        with KafkaProducer(bootstrap_servers=rig.stack.kafka_bootstrap) as producer:
            producer.send(EVENTS.name, b"no event", key=b"somebody").get(10)
        until(lambda: rig.metric("pipeline_consumer_dead_letters_total", "worker") == 4, within=30)
    listed = rig.dead_letter_command("list")
    assert "unstorable" in listed
    assert "malformed" in listed
    shown = rig.dead_letter_command("show", "--reason", "unstorable", "--limit", 100)
    assert all(entry.event_id in shown for entry in good)
    assert "refused by a test" in shown
    dry = rig.dead_letter_command("replay", "--dry-run", status=1)
    assert "stays, " in dry
    assert len(ledger.balance().missing) == 3
    rig.dead_letter_command("replay", status=1)  # the one that is no event stays
    note(ledger.settle(within=30, in_order=False))
    assert "0 replayed, 1 left" in rig.dead_letter_command("replay", status=1)
    assert "unstorable" not in rig.dead_letter_command("list")

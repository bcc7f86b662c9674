"""The spool at its limits: full, damaged, shared, or with a record that Kafka will never take."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from contract.topics import EVENTS
from tests.faults.conftest import Note, on_both_clients
from tests.faults.ledger import PUBLISHED, SPOOLED, UNAVAILABLE
from tests.faults.rig import Rig
from tests.waiting import until

pytestmark = on_both_clients()

PAGE = 4096  # bytes: SQLite's default
IN_TIME = 5.0


def test_a_full_spool_refuses_with_the_time_until_it_is_worth_another_try(rig: Rig, note: Note) -> None:
    rig.stack.restart("api", environment={"SPOOL_MAX_BYTES": "50000"})
    until(rig.kafka_answers, within=30)
    ledger = rig.ledger()
    with ledger.sending(per_second=200):
        until(lambda: ledger.answered(PUBLISHED) > 100, within=30)
        with rig.paused("kafka"):
            until(lambda: ledger.answered(UNAVAILABLE) > 100, within=30)
        until(ledger.publishes(100), within=60)
    balance = ledger.settle(within=60)
    note(balance)
    refused = [entry for entry in balance.entries if entry.status == UNAVAILABLE]
    assert all(entry.retry_after and 1 <= int(entry.retry_after) <= 60 for entry in refused)
    assert max(entry.seconds for entry in balance.entries) < IN_TIME


def test_beyond_the_bound_in_flight_an_event_is_refused_at_once_and_the_bound_is_free_again_later(
    rig: Rig, note: Note
) -> None:
    rig.stack.restart("api", environment={"API_MAX_INFLIGHT_EVENTS": "20", "API_PUBLISH_DEADLINE_SECONDS": "10"})
    until(rig.kafka_answers, within=30)
    ledger = rig.ledger()
    with rig.paused("kafka"):
        clients = [Thread(target=ledger.send, args=(1,), daemon=True) for _ in range(60)]
        for client in clients:
            client.start()
        until(lambda: ledger.answered(UNAVAILABLE) == 40, within=8)  # while the 20 still wait
        assert rig.metric("pipeline_producer_inflight_records") == 20
    for client in clients:
        client.join()
    note(ledger.settle(within=60))
    until(lambda: rig.metric("pipeline_producer_inflight_records") == 0, within=15)


def test_a_record_that_kafka_refuses_for_good_holds_no_other_back(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with rig.paused("kafka"):
        ledger.send(5)
        (large,) = ledger.send(1, text="x" * 20_000)
        ledger.send(5)
        assert ledger.answered(SPOOLED) == 11
        rig.stack.kill("api")
    with largest_record(rig, 10_000):
        rig.stack.start("api")
        until(lambda: rig.metric("pipeline_spool_refused_records") == 1, within=30)
        until(lambda: ledger.balance().missing == [large], within=30)
        assert rig.kafka_answers()
    rig.stack.restart("api")
    note(ledger.settle(within=60, in_order=False))  # the others of its key have overtaken it
    assert rig.metric("pipeline_spool_records") == 0


def test_a_damaged_spool_is_set_aside_and_what_can_be_read_of_it_is_brought_back(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with rig.paused("kafka"):
        hit = ledger.send(400)[200].event_id
        rig.stack.stop("api")
    file = rig.spool
    content = bytearray(file.read_bytes())
    page = content.index(hit.encode()) // PAGE * PAGE  # one in use: earlier tests leave more pages behind that are not
    content[page : page + 3000] = b"\xa5" * 3000
    file.write_bytes(content)
    before = set(file.parent.glob(f"{file.name}.damaged-*"))
    rig.stack.start("api")
    (damaged,) = set(file.parent.glob(f"{file.name}.damaged-*")) - before
    assert "set aside" in rig.stack.home.log("api").read_text()
    rig.spool_command("drain", damaged)
    until(lambda: len(ledger.balance().missing) < 50, within=30)
    note(ledger.balance())
    assert ledger.send(1)[0].status == PUBLISHED


def test_gateways_that_share_a_folder_have_a_spool_each_and_the_living_empty_those_of_the_dead(
    rig: Rig, note: Note
) -> None:
    ledger = rig.ledger()
    with rig.paused("kafka"):
        others_ledger = rig.ledger(other := rig.add_gateway())
        ledger.send(20)
        others_ledger.send(20)
        rig.stack.kill(other)
        assert others_ledger.answered(SPOOLED) == 20
    until(lambda: rig.metric("pipeline_spool_drained_total") >= 40, within=60)
    note(ledger.settle(within=60))
    note(others_ledger.settle(within=60))


@contextmanager
def largest_record(rig: Rig, most: int) -> Iterator[None]:
    """The topic takes no larger records meanwhile."""

    def limit(size: str) -> None:
        with KafkaAdminClient(bootstrap_servers=rig.stack.kafka_bootstrap) as admin:
            topic = ConfigResource(ConfigResourceType.TOPIC, EVENTS.name, {"max.message.bytes": size})
            admin.alter_configs([topic], raise_on_unknown=False)

    limit(str(most))
    try:
        yield
    finally:
        limit(EVENTS.config["max.message.bytes"])

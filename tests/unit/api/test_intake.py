"""Where events go while Kafka answers, while it does not, and when it is back."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from api.errors import Overloaded, SpoolFull, TooLarge, Unconfirmed, Undeliverable
from api.metrics import ApiMetrics, ProducerError
from api.publisher import DeliveryFailed
from api.record import Published, Receipt, Record, Spooled
from api.spool import SpoolFile
from tests.unit.api.desk import Desk
from tests.unit.api.pretended import PretendedKafka, eventually

pytestmark = pytest.mark.anyio


async def test_while_kafka_answers_events_are_published(desk: Desk) -> None:
    desk.kafka.acknowledges = True
    assert await desk.result("a") == Published(0, 0)
    assert len(desk.spool) == 0
    assert desk.count("producer_up") == 1


async def test_before_kafka_is_known_events_go_to_the_disk(cut_off: Desk) -> None:
    await cut_off.spool_some("a")
    assert cut_off.kafka.sent == []
    assert cut_off.count("producer_up") == 0
    assert cut_off.count("spool_records") == 1


async def test_after_a_failed_delivery_nobody_waits_for_kafka(desk: Desk) -> None:
    (first,) = desk.take("a")
    desk.kafka.ready = False  # nor is the spool drained
    desk.kafka.fail()
    await desk.spool_some("b", "c")
    assert isinstance((await first.results())[0], Spooled)
    assert desk.kafka.keys == [b"a"]
    assert not desk.intake.kafka_answers


async def test_without_an_ack_in_time_an_event_goes_to_the_disk_and_a_late_ack_is_counted(
    tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics
) -> None:
    async with Desk(tmp_path / "spool.db", kafka, metrics, deadline_seconds=0.05) as desk:
        receipts = desk.take("a", "b")
        kafka.ready = False  # nor is the spool drained
        assert [isinstance((await receipt.results())[0], Spooled) for receipt in receipts] == [True, True]
        assert desk.count("producer_late_acks_total") == 0
        kafka.acknowledge(1)
        kafka.fail()
        assert desk.count("producer_late_acks_total") == 1
        assert desk.count("spool_records") == 2  # whether late or never, it is sent again


async def test_the_spool_drains_in_the_order_of_arrival(cut_off: Desk) -> None:
    await cut_off.spool_some("b", "a", "b", "c", "a")
    cut_off.kafka.acknowledges = cut_off.kafka.ready = True
    await eventually(lambda: len(cut_off.spool) == 0)
    assert cut_off.kafka.event_ids == [f"event-{number}" for number in range(5)]
    assert cut_off.count("spool_drained_total") == 5
    assert cut_off.count("spool_bytes") == 0


async def test_the_first_record_is_a_probe_and_the_rest_waits_for_it(cut_off: Desk) -> None:
    await cut_off.spool_some("a", "b", "c")
    cut_off.kafka.ready = True
    await eventually(lambda: cut_off.kafka.sent)
    assert not cut_off.intake.kafka_answers
    assert cut_off.kafka.keys == [b"a"]
    cut_off.kafka.acknowledge()
    await eventually(lambda: len(cut_off.kafka.sent) == 3)
    assert cut_off.intake.kafka_answers


async def test_new_events_queue_behind_the_spooled_ones_of_their_key(cut_off: Desk) -> None:
    await cut_off.spool_some("a", "a", "b")
    cut_off.kafka.ready = True
    await eventually(lambda: cut_off.kafka.open)
    cut_off.kafka.acknowledge()  # the probe
    await eventually(lambda: len(cut_off.kafka.open) == 2)
    behind, (beside,) = cut_off.take("a", "b"), cut_off.take("c")
    cut_off.kafka.acknowledges = True
    cut_off.kafka.acknowledge()
    for receipt in behind:
        assert isinstance((await receipt.results())[0], Spooled)
    assert isinstance((await beside.results())[0], Published)
    await eventually(lambda: len(cut_off.spool) == 0)
    of_key = {key: [r.event_id for r in cut_off.kafka.sent if r.key == key] for key in (b"a", b"b", b"c")}
    assert of_key == {b"a": ["event-0", "event-1", "event-3"], b"b": ["event-2", "event-4"], b"c": ["event-5"]}


async def test_the_spool_waits_for_older_records_still_on_their_way(desk: Desk) -> None:
    (older,) = desk.take("a")
    desk.kafka.refuses = DeliveryFailed(ProducerError.CONNECTION, "gone for a moment")
    await desk.spool_some("a")
    desk.kafka.refuses = None
    (younger,) = desk.take("b")  # something that must wait as well
    await younger.results()
    await asyncio.sleep(0.2)  # several turns of the drain, in which nothing may happen
    assert desk.kafka.event_ids == ["event-0"]
    desk.kafka.acknowledges = True
    desk.kafka.acknowledge()
    assert isinstance((await older.results())[0], Published)
    await eventually(lambda: len(desk.spool) == 0)
    assert desk.kafka.event_ids == ["event-0", "event-1", "event-2"]


async def test_what_the_broker_refuses_stays_in_the_spool(cut_off: Desk) -> None:
    await cut_off.spool_some("a", "b", "c")
    cut_off.kafka.ready = True
    await eventually(lambda: cut_off.kafka.open)
    cut_off.kafka.acknowledge()
    await eventually(lambda: len(cut_off.kafka.open) == 2)
    cut_off.kafka.acknowledge(1)
    cut_off.kafka.fail()
    await eventually(lambda: not cut_off.intake.kafka_answers)
    await eventually(lambda: len(cut_off.spool) == 1)
    cut_off.kafka.acknowledges = True
    await eventually(lambda: len(cut_off.spool) == 0)
    assert cut_off.kafka.event_ids == ["event-0", "event-1", "event-2", "event-2"]


async def test_too_many_in_flight_is_an_error_of_that_event_alone(desk: Desk) -> None:
    desk.kafka.refuses = Overloaded("Too many.", retry_after=3)
    overloaded = await desk.result("a")
    assert isinstance(overloaded, Overloaded)
    assert (overloaded.status, overloaded.retry_after) == (503, 3)
    desk.kafka.refuses, desk.kafka.acknowledges = None, True
    assert isinstance(await desk.result("a"), Published)
    assert len(desk.spool) == 0


async def test_a_full_spool_refuses_with_the_time_to_wait(
    tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics
) -> None:
    kafka.ready = False
    async with Desk(tmp_path / "spool.db", kafka, metrics, room=3 * 131) as desk:
        await desk.spool_some("a", "a", "a")
        assert not desk.intake.can_take
        full = await desk.result("a")
        assert isinstance(full, SpoolFull)
        assert full.status == 503
        assert full.retry_after is not None
        assert 1 <= full.retry_after <= 60
        assert desk.count("spool_records") == 3


async def test_an_event_that_was_sent_and_finds_no_room_has_an_unknown_fate(
    tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics
) -> None:
    async with Desk(tmp_path / "spool.db", kafka, metrics, room=10) as desk:
        (receipt,) = desk.take("a")
        kafka.fail()
        (unknown,) = await receipt.results()
        assert isinstance(unknown, Unconfirmed)
        assert unknown.status == 504
        assert "event-0" in unknown.detail


async def test_a_record_the_client_will_never_take_is_refused_and_nothing_else_changes(desk: Desk) -> None:
    desk.kafka.refuses = DeliveryFailed(ProducerError.TOO_LARGE, "2 MB")
    refused = await desk.result("a")
    assert isinstance(refused, TooLarge)
    assert refused.status == 413
    assert desk.intake.kafka_answers
    assert len(desk.spool) == 0


async def test_a_refusal_is_blamed_on_no_record_before_it_went_alone_with_a_new_client(desk: Desk) -> None:
    receipts = desk.take("a", "b", "c")
    desk.kafka.fail(ProducerError.TOO_LARGE)
    assert [isinstance((await receipt.results())[0], Spooled) for receipt in receipts] == [True, True, True]
    await desk.drain_singly("event-1")
    assert desk.kafka.renewals >= 2
    assert desk.count("spool_refused_records") == 1
    assert desk.count("spool_drained_total") == 2
    assert desk.intake.kafka_answers


async def test_among_many_the_refused_one_is_found(desk: Desk) -> None:
    receipts = desk.take(*(f"user-{number}" for number in range(100)))
    desk.kafka.fail(ProducerError.TOO_LARGE)
    assert [type((await receipt.results())[0]) for receipt in receipts] == [Spooled] * 100
    await desk.drain_singly("event-71")
    assert desk.count("spool_refused_records") == 1
    assert desk.count("spool_drained_total") == 99
    assert desk.intake.kafka_answers


async def test_new_events_must_wait_while_the_spool_drains(cut_off: Desk) -> None:
    await cut_off.spool_some("a", "b")
    assert not cut_off.intake.must_wait  # for Kafka, nobody does
    cut_off.kafka.ready = True
    await eventually(lambda: cut_off.kafka.open)
    cut_off.kafka.acknowledge()  # the probe
    await eventually(lambda: cut_off.intake.must_wait)
    await eventually(lambda: cut_off.kafka.open)
    cut_off.kafka.acknowledge()
    await eventually(lambda: not cut_off.intake.must_wait)
    assert await cut_off.intake.wait(1) < cut_off.deadline_seconds


async def test_what_an_event_has_waited_counts_against_its_deadline(desk: Desk) -> None:
    desk.kafka.ready = False
    receipt = Receipt(1)
    desk.intake.accept([Record("event", b"a", b"{}", [])], receipt, [0], waited=desk.deadline_seconds)
    assert [type(result) for result in await receipt.results()] == [Spooled]


async def test_a_broken_disk_refuses_and_says_so(cut_off: Desk) -> None:
    await cut_off.spool_some("a")
    break_table(cut_off.path)
    (receipt,) = cut_off.take("b")
    (refused,) = await receipt.results()
    assert isinstance(refused, Undeliverable)
    assert refused.retry_after
    assert cut_off.count("spool_errors_total") == 1
    assert cut_off.count("spool_records") == 1


def break_table(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("ALTER TABLE records RENAME TO elsewhere")
    database.close()


async def test_a_stop_leaves_nothing_unanswered(tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics) -> None:
    async with Desk(tmp_path / "spool.db", kafka, metrics) as desk:
        receipts = desk.take("a", "b", "c")
        kafka.acknowledge(1)
    assert kafka.stopped
    results = [(await receipt.results())[0] for receipt in receipts]
    assert [type(result) for result in results] == [Published, Spooled, Spooled]
    assert spooled_in(desk.path) == ["event-1", "event-2"]


async def test_the_next_process_drains_what_the_last_one_left(
    tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics
) -> None:
    kafka.ready = False
    async with Desk(tmp_path / "spool.db", PretendedKafka(), metrics) as last:
        last.take("a", "b")
    async with Desk(last.path, kafka, ApiMetrics(CollectorRegistry())) as heir:
        assert len(heir.spool) == 2
        kafka.ready = kafka.acknowledges = True
        await eventually(lambda: len(heir.spool) == 0)
    assert kafka.event_ids == ["event-0", "event-1"]
    assert spooled_in(heir.path) == []


def spooled_in(path: Path) -> list[str]:
    file = SpoolFile(path)
    found = [spooled.record.event_id for spooled in file.read(10**9, 1000)]
    file.close()
    return found

"""Where the events of one request go: together while all is well, and each its own way when it is not."""

from pathlib import Path

import pytest

from api.errors import Overloaded
from api.metrics import ApiMetrics, ProducerError
from api.publisher import DeliveryFailed
from api.record import Published, Spooled
from tests.unit.api.desk import Desk
from tests.unit.api.pretended import PretendedKafka, eventually

pytestmark = pytest.mark.anyio


async def test_what_the_client_takes_in_pieces_is_one_request(desk: Desk) -> None:
    desk.kafka.takes = 2
    receipt = desk.take_together("a", "b", "c", "d", "e")
    desk.kafka.acknowledge()
    assert await receipt.results() == [Published(0, offset) for offset in range(5)]
    assert desk.kafka.event_ids == [f"event-{number}" for number in range(5)]


async def test_of_a_request_without_a_good_event_kafka_hears_nothing(desk: Desk) -> None:
    receipt = desk.take_together()
    assert await receipt.results() == []
    assert desk.kafka.open == []


async def test_of_one_request_only_what_failed_goes_to_the_disk(desk: Desk) -> None:
    receipt = desk.take_together("a", "b", "c", "d")
    desk.kafka.ready = False  # nor is the spool drained
    desk.kafka.acknowledge(1)
    desk.kafka.fail(most=2)
    desk.kafka.acknowledge()
    results = await receipt.results()
    assert [type(result) for result in results] == [Published, Spooled, Spooled, Published]
    assert desk.count("spool_records") == 2


async def test_a_request_is_refused_from_the_record_on_that_found_no_room(desk: Desk) -> None:
    desk.kafka.takes, desk.kafka.refuses_after = 2, (2, Overloaded("Too many.", retry_after=3))
    receipt = desk.take_together("a", "b", "c", "d")
    desk.kafka.acknowledge()
    results = await receipt.results()
    assert [type(result) for result in results] == [Published, Published, Overloaded, Overloaded]
    assert len(desk.spool) == 0


async def test_behind_a_record_that_the_client_cannot_send_the_request_goes_to_the_disk(desk: Desk) -> None:
    error = DeliveryFailed(ProducerError.CONNECTION, "gone for a moment")
    desk.kafka.takes, desk.kafka.refuses_after = 1, (1, error)
    receipt = desk.take_together("a", "a", "a")
    desk.kafka.ready = False
    desk.kafka.acknowledge()
    assert [type(result) for result in await receipt.results()] == [Published, Spooled, Spooled]
    assert not desk.intake.kafka_answers


async def test_a_request_is_parted_when_some_of_its_keys_wait_in_the_spool(cut_off: Desk) -> None:
    await cut_off.spool_some("a", "b")
    cut_off.kafka.ready = True
    await eventually(lambda: cut_off.kafka.open)
    cut_off.kafka.acknowledge()  # the probe
    await eventually(lambda: cut_off.kafka.keys == [b"a", b"b"])
    receipt = cut_off.take_together("c", "b", "d", "b")
    cut_off.kafka.acknowledges = True
    cut_off.kafka.acknowledge()
    results = await receipt.results()
    assert [type(result) for result in results] == [Published, Spooled, Published, Spooled]
    await eventually(lambda: len(cut_off.spool) == 0)
    assert [r.event_id for r in cut_off.kafka.sent if r.key == b"b"] == ["event-1", "event-3", "event-5"]


async def test_after_its_deadline_only_the_open_records_of_a_request_go_to_the_disk(
    tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics
) -> None:
    async with Desk(tmp_path / "spool.db", kafka, metrics, deadline_seconds=0.2) as desk:
        receipt = desk.take_together("a", "b", "c")
        kafka.ready = False  # nor is the spool drained
        kafka.acknowledge(1)
        results = await receipt.results()
        assert [type(result) for result in results] == [Published, Spooled, Spooled]
        kafka.acknowledge()
        assert desk.count("producer_late_acks_total") == 2

"""The bound on records in flight, and acks that come from another thread."""

import asyncio
from threading import Thread
from time import perf_counter

import pytest

from api.errors import Overloaded
from api.metrics import ApiMetrics, ProducerError
from api.publisher import DeliveryFailed, Flight
from api.record import Published, Record
from tests.unit.api.pretended import eventually, sample

pytestmark = pytest.mark.anyio
RECORD = Record("event", b"key", b"{}", [])
Landed = list[Published | DeliveryFailed]


async def test_the_bound_counts_records_until_they_are_settled(metrics: ApiMetrics) -> None:
    flight = Flight(2, 10_000, metrics)
    flight.open()
    landed: Landed = []
    for _ in range(2):
        flight.check(RECORD)
        flight.begin(RECORD)
    with pytest.raises(Overloaded) as overloaded:
        flight.check(RECORD)
    assert overloaded.value.retry_after
    assert sample(metrics.registry, "pipeline_producer_inflight_records") == 2
    flight.land(landed.append, RECORD, 0.0, Published(0, 0))
    await eventually(lambda: landed)
    flight.check(RECORD)
    assert sample(metrics.registry, "pipeline_producer_inflight_records") == 1


async def test_the_bound_counts_bytes_as_well(metrics: ApiMetrics) -> None:
    flight = Flight(1_000, 2 * RECORD.size, metrics)
    flight.open()
    for _ in range(2):
        flight.check(RECORD)
        flight.begin(RECORD)
    with pytest.raises(Overloaded):
        flight.check(RECORD)
    assert sample(metrics.registry, "pipeline_producer_inflight_bytes") == 2 * RECORD.size


async def test_acks_from_another_thread_reach_the_loop_in_their_order(metrics: ApiMetrics) -> None:
    flight = Flight(100_000, 10**9, metrics)
    flight.open()
    landed: Landed = []
    loop = asyncio.get_running_loop()
    loops: set[asyncio.AbstractEventLoop] = set()

    def settled(result: Published | DeliveryFailed) -> None:
        loops.add(asyncio.get_running_loop())
        landed.append(result)

    def sender() -> None:
        for offset in range(5_000):
            flight.land(settled, RECORD, 0.0, Published(0, offset))

    for _ in range(5_000):
        flight.begin(RECORD)
    thread = Thread(target=sender)
    thread.start()
    await eventually(lambda: len(landed) == 5_000)
    thread.join()
    assert landed == [Published(0, offset) for offset in range(5_000)]
    assert loops == {loop}
    assert sample(metrics.registry, "pipeline_producer_acked_total") == 5_000
    assert sample(metrics.registry, "pipeline_producer_ack_duration_seconds_count") == 5_000
    assert sample(metrics.registry, "pipeline_producer_inflight_bytes") == 0


async def test_failures_are_counted_by_their_kind(metrics: ApiMetrics) -> None:
    flight = Flight(10, 10_000, metrics)
    flight.open()
    landed: Landed = []
    flight.begin(RECORD)
    flight.land(landed.append, RECORD, 0.0, DeliveryFailed(ProducerError.NO_TOPIC, "gone"))
    await eventually(lambda: landed)
    assert flight.refused(ProducerError.TOO_LARGE, "2 MB").permanent
    assert sample(metrics.registry, "pipeline_producer_errors_total", kind="no_topic") == 1
    assert sample(metrics.registry, "pipeline_producer_errors_total", kind="too_large") == 1
    assert sample(metrics.registry, "pipeline_producer_acked_total") == 0


async def test_an_ack_after_the_loop_has_closed_hurts_nobody(metrics: ApiMetrics) -> None:
    flight = Flight(10, 10_000, metrics)

    async def open_only() -> None:
        flight.open()

    thread = Thread(target=lambda: asyncio.run(open_only()))
    thread.start()
    await asyncio.to_thread(thread.join)
    flight.land(lambda _: None, RECORD, 0.0, Published(0, 0))


async def test_the_slowest_record_of_a_turn_is_the_exemplar_of_its_acks(metrics: ApiMetrics) -> None:
    flight = Flight(10, 10_000, metrics)
    flight.open()
    now = perf_counter()
    for event_id, waited in (("fast", 0.0), ("slow", 3.0), ("refused", 100.0)):
        record = Record(event_id, b"key", b"{}", [])
        flight.begin(record)
        failed = DeliveryFailed(ProducerError.TIMEOUT, "late")
        flight.land(lambda _: None, record, now - waited, failed if event_id == "refused" else Published(0, 0))
    await eventually(lambda: not flight.records)
    (family,) = metrics.ack_duration.collect()
    assert [(s.labels["le"], s.exemplar.labels) for s in family.samples if s.exemplar] == [
        ("5.0", {"event_id": "slow"})
    ]

"""The bound on records in flight, and acks that come from another thread."""

import asyncio
from collections.abc import Sequence
from threading import Thread
from time import perf_counter

import pytest

from api.errors import Overloaded
from api.metrics import ApiMetrics, ProducerError
from api.publisher import DeliveryFailed, Flight, Sent, Settled
from api.record import Published, Record
from contract.signals import EXEMPLAR
from tests.unit.api.pretended import eventually, sample

pytestmark = pytest.mark.anyio
RECORD = Record("event", b"key", b"{}", [])


def sent(flight: Flight, records: Sequence[Record], settled: Settled = lambda _: None) -> Sent:
    """Records in flight."""
    sent = flight.admit(records, settled)
    flight.begin(sent, len(sent.records))
    return sent


def acknowledge(flight: Flight, sent: Sent, *places: int) -> None:
    for place in places:
        sent.land(place, Published(0, place))
    flight.wake()


def exemplars(metrics: ApiMetrics) -> list[tuple[str, str]]:
    """The bounds of buckets with an exemplar, as a scrape sees them, and the events they name."""
    samples = [sample for family in metrics.registry.collect() for sample in family.samples if sample.exemplar]
    return [(one.labels["le"], one.exemplar.labels[EXEMPLAR]) for one in samples if one.exemplar]


async def test_the_bound_counts_records_until_they_land(metrics: ApiMetrics) -> None:
    flight = Flight(2, 10_000, metrics)
    flight.open()
    first = sent(flight, [RECORD])
    sent(flight, [RECORD])
    with pytest.raises(Overloaded) as overloaded:
        flight.admit([RECORD], lambda _: None)
    assert overloaded.value.retry_after
    assert sample(metrics.registry, "pipeline_producer_inflight_records") == 2
    acknowledge(flight, first, 0)
    await eventually(lambda: flight.records == 1)
    assert len(flight.admit([RECORD], lambda _: None).records) == 1
    assert sample(metrics.registry, "pipeline_producer_inflight_records") == 1


async def test_the_bound_counts_bytes_until_all_that_was_sent_together_has_landed(metrics: ApiMetrics) -> None:
    flight = Flight(1_000, 2 * RECORD.size, metrics)
    flight.open()
    together = sent(flight, [RECORD, RECORD])
    acknowledge(flight, together, 1)
    await eventually(lambda: flight.records == 1)
    assert sample(metrics.registry, "pipeline_producer_inflight_bytes") == 2 * RECORD.size
    with pytest.raises(Overloaded):
        flight.admit([RECORD], lambda _: None)
    acknowledge(flight, together, 0)
    await eventually(lambda: flight.records == 0)
    assert sample(metrics.registry, "pipeline_producer_inflight_bytes") == 0


@pytest.mark.parametrize(("most", "most_bytes"), [(3, 10_000), (1_000, 3 * RECORD.size + 1)])
async def test_of_too_many_the_first_ones_are_taken(metrics: ApiMetrics, most: int, most_bytes: int) -> None:
    flight = Flight(most, most_bytes, metrics)
    flight.open()
    assert len(sent(flight, [RECORD] * 5).records) == 3
    assert sample(metrics.registry, "pipeline_producer_inflight_records") == 3
    assert sample(metrics.registry, "pipeline_producer_inflight_bytes") == 3 * RECORD.size


async def test_what_a_client_did_not_take_is_not_in_flight(metrics: ApiMetrics) -> None:
    flight = Flight(1_000, 10_000, metrics)
    flight.open()
    flight.begin(flight.admit([RECORD] * 5, lambda _: None), 2)
    assert flight.records == 2
    assert sample(metrics.registry, "pipeline_producer_attempts_total") == 2
    assert sample(metrics.registry, "pipeline_producer_inflight_bytes") == 2 * RECORD.size


async def test_acks_from_another_thread_are_counted_once_and_settled_on_the_loop(metrics: ApiMetrics) -> None:
    flight = Flight(100_000, 10**9, metrics)
    flight.open()
    settled: list[Sent] = []
    loops: set[asyncio.AbstractEventLoop] = set()

    def note(sent: Sent) -> None:
        loops.add(asyncio.get_running_loop())
        settled.append(sent)

    requests = [sent(flight, [RECORD] * 500, note) for _ in range(10)]

    def sender() -> None:
        for request in requests:
            for place in range(500):
                acknowledge(flight, request, place)

    thread = Thread(target=sender)
    thread.start()
    await eventually(lambda: len(settled) == 10)
    thread.join()
    await asyncio.sleep(0.05)  # for a wake-up that has nothing left to do
    assert settled == requests
    assert {len(request.outcomes) for request in requests} == {500}
    assert loops == {asyncio.get_running_loop()}
    assert flight.records == 0
    assert sample(metrics.registry, "pipeline_producer_acked_total") == 5_000
    assert sample(metrics.registry, "pipeline_producer_ack_duration_seconds_count") == 5_000
    assert sample(metrics.registry, "pipeline_producer_inflight_bytes") == 0


async def test_of_records_sent_together_each_ack_counts_at_once_and_they_are_settled_at_the_end(
    metrics: ApiMetrics,
) -> None:
    flight = Flight(1_000, 10**6, metrics)
    flight.open()
    settled: list[Sent] = []
    request = sent(flight, [Record(f"event-{place}", b"key", b"{}", []) for place in range(3)], settled.append)
    refused = DeliveryFailed(ProducerError.TOO_LARGE, "2 MB")
    request.land(2, Published(0, 7))
    request.fail(0, refused)
    flight.wake()
    await eventually(lambda: flight.records == 1)
    assert sample(metrics.registry, "pipeline_producer_acked_total") == 1
    assert sample(metrics.registry, "pipeline_producer_errors_total", kind="too_large") == 1
    assert [event_id for _, event_id in exemplars(metrics)] == ["event-2"]
    assert not settled
    acknowledge(flight, request, 1)
    await eventually(lambda: settled)
    assert settled == [request]
    assert request.outcomes == {0: refused, 1: Published(0, 1), 2: Published(0, 7)}
    assert request.failed
    assert sample(metrics.registry, "pipeline_producer_acked_total") == 2
    assert sample(metrics.registry, "pipeline_producer_ack_duration_seconds_count") == 2
    assert sample(metrics.registry, "pipeline_producer_errors_total", kind="too_large") == 1


async def test_failures_are_counted_by_their_kind(metrics: ApiMetrics) -> None:
    flight = Flight(10, 10_000, metrics)
    flight.open()
    request = sent(flight, [RECORD])
    request.fail(0, DeliveryFailed(ProducerError.NO_TOPIC, "gone"))
    flight.settle()
    assert flight.refused(DeliveryFailed(ProducerError.TOO_LARGE, "2 MB")).permanent
    assert sample(metrics.registry, "pipeline_producer_errors_total", kind="no_topic") == 1
    assert sample(metrics.registry, "pipeline_producer_errors_total", kind="too_large") == 1
    assert sample(metrics.registry, "pipeline_producer_acked_total") == 0
    assert sample(metrics.registry, "pipeline_producer_attempts_total") == 2


async def test_an_ack_after_the_loop_has_closed_hurts_nobody(metrics: ApiMetrics) -> None:
    flight = Flight(10, 10_000, metrics)

    async def open_only() -> None:
        flight.open()

    thread = Thread(target=lambda: asyncio.run(open_only()))
    thread.start()
    await asyncio.to_thread(thread.join)
    acknowledge(flight, sent(flight, [RECORD]), 0)


async def test_the_slowest_record_since_the_last_scrape_is_the_exemplar_of_its_acks(metrics: ApiMetrics) -> None:
    flight = Flight(10, 10_000, metrics)
    flight.open()
    now = perf_counter()
    for event_id, waited in (("fast", 0.0), ("slow", 3.0), ("refused", 100.0)):
        request = sent(flight, [Record(event_id, b"key", b"{}", [])])
        request.at = now - waited
        if event_id == "refused":
            request.fail(0, DeliveryFailed(ProducerError.TIMEOUT, "late"))
        else:
            request.land(0, Published(0, 0))
    flight.wake()
    await eventually(lambda: not flight.records)
    assert exemplars(metrics) == [("5.0", "slow")]

"""The bound on records in flight, and acks that come from another thread."""

import asyncio
from collections.abc import Mapping, Sequence
from threading import Thread
from time import perf_counter

import pytest

from api.errors import Overloaded
from api.metrics import ApiMetrics, ProducerError
from api.publisher import DeliveryFailed, Flight, Outcome, Settled
from api.publisher.flight import Sent
from api.record import Published, Record
from contract.signals import EXEMPLAR
from tests.unit.api.pretended import eventually, sample

pytestmark = pytest.mark.anyio
RECORD = Record("event", b"key", b"{}", [])
Landed = list[tuple[int, Outcome]]


def into(landed: Landed) -> Settled:
    return lambda outcomes: landed.extend(outcomes.items())


def sent(flight: Flight, records: Sequence[Record], landed: Landed) -> Sent:
    """Records in flight; what becomes of them ends in ``landed``."""
    sent = flight.admit(records, into(landed))
    flight.begin(sent, len(sent.records))
    return sent


def exemplars(metrics: ApiMetrics) -> list[tuple[str, str]]:
    """The bounds of buckets with an exemplar, as a scrape sees them, and the events they name."""
    samples = [sample for family in metrics.registry.collect() for sample in family.samples if sample.exemplar]
    return [(one.labels["le"], one.exemplar.labels[EXEMPLAR]) for one in samples if one.exemplar]


async def test_the_bound_counts_records_until_they_are_settled(metrics: ApiMetrics) -> None:
    flight = Flight(2, 10_000, metrics)
    flight.open()
    landed: Landed = []
    first = sent(flight, [RECORD], landed)
    sent(flight, [RECORD], landed)
    with pytest.raises(Overloaded) as overloaded:
        flight.admit([RECORD], into(landed))
    assert overloaded.value.retry_after
    assert sample(metrics.registry, "pipeline_producer_inflight_records") == 2
    flight.land([(first, 0, Published(0, 0))])
    await eventually(lambda: landed)
    assert len(flight.admit([RECORD], into(landed)).records) == 1
    assert sample(metrics.registry, "pipeline_producer_inflight_records") == 1


async def test_the_bound_counts_bytes_until_all_that_was_sent_together_is_settled(metrics: ApiMetrics) -> None:
    flight = Flight(1_000, 2 * RECORD.size, metrics)
    flight.open()
    landed: Landed = []
    together = sent(flight, [RECORD, RECORD], landed)
    flight.land([(together, 1, Published(0, 0))])
    await eventually(lambda: landed)
    assert sample(metrics.registry, "pipeline_producer_inflight_bytes") == 2 * RECORD.size
    with pytest.raises(Overloaded):
        flight.admit([RECORD], into(landed))
    flight.land([(together, 0, Published(0, 1))])
    await eventually(lambda: len(landed) == 2)
    assert sample(metrics.registry, "pipeline_producer_inflight_bytes") == 0


@pytest.mark.parametrize(("most", "most_bytes"), [(3, 10_000), (1_000, 3 * RECORD.size + 1)])
async def test_of_too_many_the_first_ones_are_taken(metrics: ApiMetrics, most: int, most_bytes: int) -> None:
    flight = Flight(most, most_bytes, metrics)
    flight.open()
    landed: Landed = []
    assert len(sent(flight, [RECORD] * 5, landed).records) == 3
    assert sample(metrics.registry, "pipeline_producer_inflight_records") == 3
    assert sample(metrics.registry, "pipeline_producer_inflight_bytes") == 3 * RECORD.size


async def test_what_a_client_did_not_take_is_not_in_flight(metrics: ApiMetrics) -> None:
    flight = Flight(1_000, 10_000, metrics)
    flight.open()
    flight.begin(flight.admit([RECORD] * 5, lambda _: None), 2)
    assert flight.records == 2
    assert sample(metrics.registry, "pipeline_producer_attempts_total") == 2
    assert sample(metrics.registry, "pipeline_producer_inflight_bytes") == 2 * RECORD.size


async def test_acks_from_another_thread_reach_the_loop_in_their_order(metrics: ApiMetrics) -> None:
    flight = Flight(100_000, 10**9, metrics)
    flight.open()
    landed: Landed = []
    loop = asyncio.get_running_loop()
    loops: set[asyncio.AbstractEventLoop] = set()

    def settled(outcomes: Mapping[int, Outcome]) -> None:
        loops.add(asyncio.get_running_loop())
        landed.extend(outcomes.items())

    requests = [flight.admit([RECORD] * 500, settled) for _ in range(10)]
    for request in requests:
        flight.begin(request, 500)
    acks = [(request, place, Published(0, place)) for request in requests for place in range(500)]

    def sender() -> None:
        for ack in acks:
            flight.land([ack])

    thread = Thread(target=sender)
    thread.start()
    await eventually(lambda: len(landed) == 5_000)
    thread.join()
    assert landed == [(place, Published(0, place)) for _ in range(10) for place in range(500)]
    assert loops == {loop}
    assert sample(metrics.registry, "pipeline_producer_acked_total") == 5_000
    assert sample(metrics.registry, "pipeline_producer_ack_duration_seconds_count") == 5_000
    assert sample(metrics.registry, "pipeline_producer_inflight_bytes") == 0


async def test_of_records_sent_together_each_ack_counts(metrics: ApiMetrics) -> None:
    flight = Flight(1_000, 10**6, metrics)
    flight.open()
    landed: Landed = []
    records = [Record(f"event-{place}", b"key", b"{}", []) for place in range(3)]
    request = sent(flight, records, landed)
    refused = DeliveryFailed(ProducerError.TOO_LARGE, "2 MB")
    flight.land([(request, 0, refused), (request, 2, Published(0, 7)), (request, 1, Published(0, 8))])
    await eventually(lambda: landed)
    assert landed == [(0, refused), (2, Published(0, 7)), (1, Published(0, 8))]
    assert sample(metrics.registry, "pipeline_producer_acked_total") == 2
    assert sample(metrics.registry, "pipeline_producer_ack_duration_seconds_count") == 2
    assert [event_id for _, event_id in exemplars(metrics)] == ["event-2"]


async def test_failures_are_counted_by_their_kind(metrics: ApiMetrics) -> None:
    flight = Flight(10, 10_000, metrics)
    flight.open()
    landed: Landed = []
    flight.land([(sent(flight, [RECORD], landed), 0, DeliveryFailed(ProducerError.NO_TOPIC, "gone"))])
    await eventually(lambda: landed)
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
    flight.land([(sent(flight, [RECORD], []), 0, Published(0, 0))])


async def test_the_slowest_record_since_the_last_scrape_is_the_exemplar_of_its_acks(metrics: ApiMetrics) -> None:
    flight = Flight(10, 10_000, metrics)
    flight.open()
    now = perf_counter()
    for event_id, waited in (("fast", 0.0), ("slow", 3.0), ("refused", 100.0)):
        request = sent(flight, [Record(event_id, b"key", b"{}", [])], [])
        request.at = now - waited
        failed = DeliveryFailed(ProducerError.TIMEOUT, "late")
        flight.land([(request, 0, failed if event_id == "refused" else Published(0, 0))])
    await eventually(lambda: not flight.records)
    assert exemplars(metrics) == [("5.0", "slow")]

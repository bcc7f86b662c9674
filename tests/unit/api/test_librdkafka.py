"""librdkafka under load: records that are held for a moment, on the broker that librdkafka brings for tests."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

import pytest
from confluent_kafka import Producer

from api.metrics import ApiMetrics, ProducerError
from api.publisher import DeliveryFailed, Flight, Outcome, Sent
from api.publisher.librdkafka import LibrdkafkaPublisher
from api.record import Published, Record
from contract.kafka import KafkaSettings
from contract.topics import EVENTS, MAX_RECORD_BYTES
from tests.unit.api.pretended import eventually

pytestmark = pytest.mark.anyio
MANY: Final = 200  # enough to be load


def record(number: int, value: bytes = b"{}", key: bytes = b"user-1") -> Record:
    return Record(str(number), key, value, [("number", b"%d" % number)])


@pytest.fixture
def broker() -> Iterator[str]:
    broker = Producer({"bootstrap.servers": "127.0.0.1:1", "test.mock.num.brokers": 1, "log_level": 0})
    known = broker.list_topics(EVENTS.name, timeout=10).brokers.values()
    yield ",".join(f"{each.host}:{each.port}" for each in known)
    broker.flush(0)  # it has lived until here


@pytest.fixture
def flight(metrics: ApiMetrics) -> Flight:
    return Flight(10_000, 100_000_000, metrics)


@pytest.fixture
async def publisher(broker: str, flight: Flight) -> AsyncIterator[LibrdkafkaPublisher]:
    publisher = LibrdkafkaPublisher(KafkaSettings(bootstrap_servers=broker), flight)
    await publisher.start()
    await eventually(lambda: publisher.ready)
    yield publisher
    await publisher.stop(1)


class Senders:
    """Sends records in groups, and waits for what becomes of them."""

    def __init__(self, publisher: LibrdkafkaPublisher, flight: Flight) -> None:
        self._publisher, self._flight = publisher, flight
        self.outcomes: dict[str, Outcome] = {}

    def send(self, records: Sequence[Record]) -> int:
        def settled(sent: Sent) -> None:
            self.outcomes |= {sent.records[place].event_id: outcome for place, outcome in sent.outcomes.items()}

        return len(self._publisher.send(records, settled).records)

    async def landed(self) -> dict[str, Outcome]:
        await eventually(lambda: not self._flight.records)
        return self.outcomes


@pytest.fixture
def senders(publisher: LibrdkafkaPublisher, flight: Flight) -> Senders:
    return Senders(publisher, flight)


async def test_records_that_are_held_keep_their_order(senders: Senders) -> None:
    for number in range(MANY):
        assert senders.send([record(number)]) == 1
    outcomes = await senders.landed()
    offsets = [outcomes[str(number)].offset for number in range(MANY) if isinstance(outcomes[str(number)], Published)]
    assert offsets == list(range(MANY))


async def test_one_that_is_refused_while_they_are_held_takes_none_along(senders: Senders, flight: Flight) -> None:
    senders.send([record(number) for number in range(MANY)])
    huge = record(1_001, b"x" * (MAX_RECORD_BYTES + 1))
    assert senders.send([record(1_000), huge, record(1_002)]) == 3
    outcomes = await senders.landed()
    failures = {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, DeliveryFailed)}
    assert {name: failure.kind for name, failure in failures.items()} == {"1001": ProducerError.TOO_LARGE}
    assert len(outcomes) == MANY + 3


async def test_one_that_is_refused_at_once_is_told_at_once(senders: Senders, flight: Flight) -> None:
    with pytest.raises(DeliveryFailed) as refused:
        senders.send([record(1, b"x" * (MAX_RECORD_BYTES + 1))])
    assert refused.value.permanent
    assert senders.send([record(2), record(3, b"x" * (MAX_RECORD_BYTES + 1)), record(4)]) == 1
    assert [*await senders.landed()] == ["2"]


async def test_a_stop_sends_what_is_held(publisher: LibrdkafkaPublisher, senders: Senders) -> None:
    senders.send([record(number) for number in range(MANY)])
    senders.send([record(1_000)])
    await publisher.stop(5)
    assert isinstance(senders.outcomes["1000"], Published)


async def test_with_a_new_client_nothing_stays_open(publisher: LibrdkafkaPublisher, senders: Senders) -> None:
    senders.send([record(number) for number in range(MANY)])
    senders.send([record(1_000)])
    renewal = asyncio.create_task(publisher.renew())
    await asyncio.sleep(0)
    senders.send([record(1_001)])
    await renewal
    assert len(await senders.landed()) == MANY + 2
    await eventually(lambda: publisher.ready)
    senders.send([record(1_002)])
    assert isinstance((await senders.landed())["1002"], Published)


async def test_when_all_is_quiet_again_a_record_leaves_at_once(senders: Senders) -> None:
    senders.send([record(number) for number in range(MANY)])
    await senders.landed()
    await asyncio.sleep(0.05)
    senders.send([record(1_000)])
    assert isinstance((await senders.landed())["1000"], Published)

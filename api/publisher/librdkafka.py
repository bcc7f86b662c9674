"""A Publisher on librdkafka, through confluent-kafka: an extra, for those who need its speed."""

import asyncio
from collections.abc import Sequence
from threading import Event, Thread
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer
from loguru import logger

from api.metrics import ProducerError
from api.publisher.flight import DeliveryFailed, Flight, Sent, Settled
from api.record import Published, Record
from contract.kafka import KafkaSettings
from contract.topics import EVENTS, MAX_RECORD_BYTES

_FEW = 16
_ANY_PARTITION, _NOW = -1, 0  # by their places: reading names costs a quarter of what produce does
_POLL_SECONDS = 0.001


class Ticket(msgspec.Struct, eq=False, gc=False):
    """Called by ``poll`` and by ``flush`` with what became of a record. A partial would take six times the memory."""

    sent: Sent
    place: int

    def __call__(self, error: KafkaError | None, message: Any) -> None:
        if error is None:
            self.sent.land(self.place, Published(message.partition(), message.offset()))
        else:
            self.sent.fail(self.place, DeliveryFailed(_kind(error), error.str()))


class LibrdkafkaPublisher:
    """A Publisher that waits for acks on a thread while few records are in flight, and else asks on the event loop.

    The thread is there at once. But it needs the interpreter's lock anew for each ack, and a busy loop gives that up
    only every five milliseconds; so under load the loop itself asks, every millisecond. And it hands over what has come
    meanwhile: the broker has less work with fewer batches, and the client with records that follow each other.
    """

    def __init__(self, kafka: KafkaSettings, flight: Flight) -> None:
        self._kafka, self._flight = kafka, flight
        self._ready = self._busy = False
        self._held: list[Sent] = []
        self._stopped = False
        self._stopping, self._quiet = Event(), Event()

    @property
    def ready(self) -> bool:
        return self._ready

    async def start(self) -> None:
        self._flight.open()
        self._producer = self._connect()
        self._loop = asyncio.get_running_loop()
        self._quiet.set()
        Thread(target=self._await_acks, name="kafka-acks", daemon=True).start()
        self._learn()

    def send(self, records: Sequence[Record], settled: Settled) -> Sent:
        sent = self._flight.admit(records, settled)
        if self._busy:
            self._held.append(sent)
            taken = len(sent.records)
        else:
            taken, error = self._hand_over(sent, 0)
            if error and not taken:
                raise self._flight.refused(error)
        self._flight.begin(sent, taken)
        if not self._busy and self._flight.records > _FEW:
            self._busy = True
            self._quiet.clear()
            self._loop.call_later(_POLL_SECONDS, self._take_turn)
        return sent

    async def renew(self) -> None:
        await self._forget_layout()
        self._hand_over_held()  # to the one that is given up: they are open as well
        given_up, self._producer = self._producer, self._connect()
        given_up.purge()
        await asyncio.to_thread(given_up.flush, 1)
        self._flight.settle()
        self._stopping.clear()
        self._learn()

    async def stop(self, seconds: float) -> None:
        await self._forget_layout()
        self._stopped = True
        self._hand_over_held()
        await asyncio.to_thread(self._producer.flush, seconds)
        self._producer.purge()
        self._flight.settle()

    def _connect(self) -> Producer:
        return Producer(configuration(self._kafka))

    def _hand_over_held(self) -> None:
        held, self._held = self._held, []
        for sent in held:
            place = 0
            while place < len(sent.records):
                place, error = self._hand_over(sent, place)
                if error:
                    sent.fail(place, error)
                    place += 1

    def _hand_over(self, sent: Sent, start: int) -> tuple[int, DeliveryFailed | None]:
        """The records from ``start`` up to the one that is refused; its place, and why."""
        produce, place = self._producer.produce, start
        try:
            for place, record in enumerate(sent.records[start:], start):
                tell = Ticket(sent, place)
                produce(EVENTS.name, record.value, record.key, _ANY_PARTITION, tell, None, _NOW, record.headers)  # type: ignore[arg-type]  # a list it only reads
        except (BufferError, KafkaException) as error:
            return place, _refusal(error)
        return len(sent.records), None

    def _take_turn(self) -> None:
        self._hand_over_held()
        self._producer.poll(0)
        self._flight.settle()
        self._busy = self._flight.records > _FEW
        if self._busy:
            self._loop.call_later(_POLL_SECONDS, self._take_turn)
        else:
            self._quiet.set()

    def _await_acks(self) -> None:
        while not self._stopped:
            if self._quiet.wait(0.1) and self._producer.poll(0.1):
                self._flight.wake()

    def _learn(self) -> None:
        self._layout = Thread(target=self._learn_layout, name="kafka-layout", daemon=True)
        self._layout.start()

    async def _forget_layout(self) -> None:
        self._stopping.set()
        await asyncio.to_thread(self._layout.join)
        self._ready = False

    def _learn_layout(self) -> None:
        while not self._ready and not self._stopping.is_set():
            try:
                layout = self._producer.list_topics(EVENTS.name, timeout=1).topics[EVENTS.name]
                self._ready = layout.error is None and len(layout.partitions) > 0
            except KafkaException as error:
                logger.debug("the layout of topic {} is not known yet: {}", EVENTS.name, error)
            self._stopping.wait(0 if self._ready else 0.2)


def configuration(kafka: KafkaSettings) -> dict[str, Any]:
    """librdkafka's own settings: https://docs.confluent.io/platform/current/clients/librdkafka/html/md_CONFIGURATION.html"""
    return {
        "bootstrap.servers": kafka.bootstrap_servers,
        "client.id": "gateway",
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 0.5,  # a lone record hardly waits
        "max.in.flight": 1,  # the next batches fill meanwhile, which spares the broker half of its work
        "batch.size": 1_000_000,
        "message.max.bytes": MAX_RECORD_BYTES,
        "partitioner": "murmur2_random",  # the same key to the same partition, whichever client is chosen
        "request.timeout.ms": 5_000,
        "message.timeout.ms": 10_000,
        "queue.buffering.max.messages": 0,  # no bound: it is the flight's
        "queue.buffering.max.kbytes": 2**31 - 1,
        "allow.auto.create.topics": False,
        "reconnect.backoff.max.ms": 1_000,
        "log_level": 0,
    }


def _refusal(error: BufferError | KafkaException) -> DeliveryFailed:
    kind = _kind(error.args[0]) if isinstance(error, KafkaException) else ProducerError.OTHER
    return DeliveryFailed(kind, str(error))


def _kind(error: KafkaError) -> ProducerError:
    return _KINDS.get(error.code(), ProducerError.OTHER)


_KINDS = {
    KafkaError.MSG_SIZE_TOO_LARGE: ProducerError.TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE: ProducerError.TOO_LARGE,
    KafkaError.INVALID_RECORD: ProducerError.INVALID,
    KafkaError.INVALID_TIMESTAMP: ProducerError.INVALID,
    KafkaError._MSG_TIMED_OUT: ProducerError.TIMEOUT,
    KafkaError._TIMED_OUT: ProducerError.TIMEOUT,
    KafkaError.REQUEST_TIMED_OUT: ProducerError.TIMEOUT,
    KafkaError.NOT_ENOUGH_REPLICAS: ProducerError.NOT_ENOUGH_REPLICAS,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND: ProducerError.NOT_ENOUGH_REPLICAS,
    KafkaError.UNKNOWN_TOPIC_OR_PART: ProducerError.NO_TOPIC,
    KafkaError._UNKNOWN_TOPIC: ProducerError.NO_TOPIC,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: ProducerError.AUTHORIZATION,
    KafkaError._TRANSPORT: ProducerError.CONNECTION,
    KafkaError._ALL_BROKERS_DOWN: ProducerError.CONNECTION,
}

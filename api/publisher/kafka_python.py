"""A Publisher on kafka-python: pure Python, no bound of its own."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from threading import Event, Thread

from kafka import KafkaProducer
from kafka import errors as kafka_errors
from kafka.partitioner.default import murmur2
from kafka.structs import TopicPartition
from loguru import logger

from api.metrics import ProducerError
from api.publisher.flight import DeliveryFailed, Flight, Sent, Settled
from api.publisher.record_batch import Aboard, ErrorOf, put
from api.record import Published, Record
from contract.kafka import KafkaSettings
from contract.topics import EVENTS, MAX_RECORD_BYTES

_GIVE_UP_SECONDS = 10
_LOOK_AGAIN_MS = 20.0

_Places = defaultdict[int, list[int]]
"""Of records among those that are sent, by partition."""

_hash = lru_cache(maxsize=65_536)(murmur2)  # pure Python costs 5 µs a key, and users come back


class KafkaPythonPublisher:
    """A Publisher with one producer, whose sender thread lands the acks."""

    def __init__(self, kafka: KafkaSettings, flight: Flight) -> None:
        self._kafka, self._flight = kafka, flight
        self._tell = self._told  # bound once, not for each record
        self._partitions: list[TopicPartition] = []
        self._stopping = False
        self._look = Event()

    @property
    def ready(self) -> bool:
        return bool(self._partitions)

    async def start(self) -> None:
        self._flight.open()
        self._producer = self._connect()
        Thread(target=self._learn_layout, name="kafka-layout", daemon=True).start()

    def send(self, records: Sequence[Record], settled: Settled) -> Sent:
        if not self._partitions:  # they are asked for anew
            raise self._flight.refused(DeliveryFailed(ProducerError.CONNECTION, "the topic's layout is not known"))
        sent = self._flight.admit(records, settled)
        if self._append(sent):
            self._producer._sender.wakeup()
        self._flight.begin(sent, len(sent.records))
        return sent

    def _append(self, sent: Sent) -> bool:
        """Past KafkaProducer.send, which asks for each record what is known here; whether the sender should look."""
        partitions, places = self._partitions, _Places(list)
        for place, record in enumerate(sent.records):
            places[(_hash(record.key) & 0x7FFFFFFF) % len(partitions)].append(place)
        accumulator, tell = self._producer._accumulator, self._tell
        look = False
        for number, some in places.items():
            look |= put(accumulator, partitions[number], tell, sent, some)
        return look

    async def renew(self) -> None:
        given_up, self._producer, self._partitions = self._producer, self._connect(), []
        self._look.set()
        await asyncio.to_thread(_give_up, given_up)
        self._flight.settle()

    async def stop(self, seconds: float) -> None:
        self._stopping = True
        self._look.set()
        with suppress(kafka_errors.KafkaError):
            await asyncio.to_thread(self._producer.flush, seconds)
        with suppress(kafka_errors.KafkaError):
            await asyncio.to_thread(self._producer.close, 1)
        self._flight.settle()

    def _connect(self) -> KafkaProducer:
        producer = KafkaProducer(
            bootstrap_servers=self._kafka.servers,
            client_id="gateway",
            api_version=(3, 9),  # known, so the constructor need not find a broker first
            enable_idempotence=True,
            acks="all",
            linger_ms=0,  # a partition has one batch in flight, so batches form by themselves under load
            batch_size=131_072,
            max_request_size=MAX_RECORD_BYTES,
            request_timeout_ms=5_000,
            # Never: a batch that expires after it was sent leaves kafka-python 3.0.12 without a producer id, and it
            # asks for no other (TransactionManager.init_producer_id acts in the state UNINITIALIZED alone). The
            # gateway stops waiting long before, and the flight's bound is the bound on what an outage keeps in memory.
            delivery_timeout_ms=2**31 - 1,
            max_block_ms=100,  # only a topic that vanished can make send() block, and then no longer than this
            reconnect_backoff_max_ms=1_000,
            metrics_enabled=False,  # ours say more
        )
        producer._sender._client.connection_delay = _let_sender_wait
        return producer

    def _told(self, records: Sequence[Aboard], partition: int, base_offset: int, error_of: ErrorOf | None) -> None:
        """On the sender's thread."""
        for it in records:
            if error_of is None:
                it.sent.land(it.place, Published(partition, base_offset + it.offset))
            else:
                it.sent.fail(it.place, _failure(error_of(it.offset)))
        self._flight.wake()

    def _learn_layout(self) -> None:
        """Ask for the topic's partitions until Kafka answers, then now and then again, should some be added."""
        while not self._stopping:
            self._look.clear()
            try:
                known = self._producer.partitions_for(EVENTS.name)
                self._partitions = [TopicPartition(EVENTS.name, number) for number in sorted(known)]
            except kafka_errors.KafkaError as error:
                logger.debug("the layout of topic {} is not known yet: {}", EVENTS.name, error)
            self._look.wait(30 if self._partitions else 0.2)


def _let_sender_wait(_node: object) -> float:
    """Milliseconds the sender waits, if nothing happens, before it looks again at a broker that takes nothing now.

    3.0.12 takes seconds for milliseconds there, and spins while a broker that owes five answers has data to get.
    """
    return _LOOK_AGAIN_MS


def _give_up(producer: KafkaProducer) -> None:
    """Fail what it holds; its own ``close`` would first wait for acks."""
    producer._sender.force_close()
    producer._sender.join(_GIVE_UP_SECONDS)
    with suppress(kafka_errors.KafkaError):
        producer.close(0)


def _failure(error: Exception) -> DeliveryFailed:
    return DeliveryFailed(_kind(error), str(error) or type(error).__name__)


def _kind(error: Exception) -> ProducerError:
    return next((kind for types, kind in _KINDS if isinstance(error, types)), ProducerError.OTHER)


_KINDS: tuple[tuple[tuple[type[Exception], ...], ProducerError], ...] = (
    ((kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError), ProducerError.TOO_LARGE),
    ((kafka_errors.InvalidRecordError, kafka_errors.InvalidTimestampError), ProducerError.INVALID),
    ((kafka_errors.KafkaTimeoutError, kafka_errors.RequestTimedOutError), ProducerError.TIMEOUT),
    ((kafka_errors.NotEnoughReplicasError, kafka_errors.NotEnoughReplicasAfterAppendError),
     ProducerError.NOT_ENOUGH_REPLICAS),
    ((kafka_errors.UnknownTopicOrPartitionError,), ProducerError.NO_TOPIC),
    ((kafka_errors.AuthorizationError,), ProducerError.AUTHORIZATION),
    ((kafka_errors.KafkaConnectionError, kafka_errors.NodeNotReadyError), ProducerError.CONNECTION),
)  # fmt: skip

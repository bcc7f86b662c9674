"""Records to Kafka with kafka-python, and the broker's acks back to the event loop.

kafka-python's buffer has no bound of its own and its callbacks run on its sender thread. So the bound is kept
here, and acks cross to the loop in a deque that one wake-up empties, however many came meanwhile.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from threading import Event as ThreadEvent
from threading import Thread
from time import perf_counter, time
from typing import Any, Protocol

from kafka import KafkaProducer
from kafka import errors as kafka_errors
from kafka.partitioner.default import murmur2
from loguru import logger

from api.errors import Overloaded
from api.limits import Pace
from api.metrics import ApiMetrics, ProducerError
from api.record import Published, Record
from contract.kafka import KafkaSettings
from contract.topics import EVENTS, MAX_RECORD_BYTES

_hash = lru_cache(maxsize=65_536)(murmur2)  # pure Python costs 5 µs a key, and users come back


class DeliveryFailed(Exception):
    """The broker did not take a record, or did not say so in time: then it may hold it all the same.

    ``permanent``: this record will never be taken, however often it is tried.
    """

    def __init__(self, kind: ProducerError, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.permanent = kind is ProducerError.TOO_LARGE


Settled = Callable[[Published | DeliveryFailed], None]
"""Called on the event loop, once for each record that was sent."""


class Publisher(Protocol):
    """What the gateway needs of a Kafka client. All methods belong to the event loop and none of them blocks."""

    @property
    def ready(self) -> bool:
        """Whether the topic's layout is known, so that ``send`` can do without waiting."""
        ...

    async def start(self) -> None:
        """Returns at once, whether Kafka is there or not."""
        ...

    def send(self, record: Record, settled: Settled) -> None:
        """Hand a record over. Raises Overloaded at the bound in flight, DeliveryFailed when refused at once."""
        ...

    async def stop(self, seconds: float) -> None:
        """Wait so long for acks, then give up: what is still open is settled as failed."""
        ...


class KafkaPythonPublisher:
    """A Publisher with one idempotent producer, as ``acks=all`` from one thread."""

    def __init__(self, kafka: KafkaSettings, max_records: int, max_bytes: int, metrics: ApiMetrics) -> None:
        self._kafka, self._metrics = kafka, metrics
        self._max_records, self._max_bytes = max_records, max_bytes
        self._records = self._bytes = 0
        self._partitions = 0
        self._pace = Pace()
        self._arrivals: deque[tuple[Settled, Record, float, Published | DeliveryFailed]] = deque()
        self._armed = False
        self._stopping = ThreadEvent()
        metrics.inflight_limit_records.set(max_records)
        metrics.inflight_limit_bytes.set(max_bytes)
        metrics.inflight_records.set_function(lambda: self._records)
        metrics.inflight_bytes.set_function(lambda: self._bytes)

    @property
    def ready(self) -> bool:
        return self._partitions > 0

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._producer = KafkaProducer(
            bootstrap_servers=self._kafka.servers,
            client_id="gateway",
            api_version=(3, 9),  # known, so the constructor need not find a broker first
            enable_idempotence=True,
            acks="all",
            linger_ms=0,  # a partition has one batch in flight, so batches form by themselves under load
            batch_size=131_072,
            max_request_size=MAX_RECORD_BYTES,
            # The gateway stops waiting long before; this bounds how long an outage keeps records in memory.
            request_timeout_ms=5_000,
            delivery_timeout_ms=10_000,
            max_block_ms=100,  # only a topic that vanished can make send() block, and then no longer than this
            reconnect_backoff_max_ms=1_000,
        )
        self._layout = Thread(target=self._learn_layout, name="kafka-layout", daemon=True)
        self._layout.start()

    def send(self, record: Record, settled: Settled) -> None:
        if self._records >= self._max_records or self._bytes + record.size > self._max_bytes:
            raise Overloaded(
                "Too many events are waiting for Kafka.", retry_after=self._pace.seconds_until_room(self._records // 10)
            )
        self._metrics.attempts.inc()
        now = perf_counter()
        partition = (_hash(record.key) & 0x7FFFFFFF) % self._partitions
        try:
            sent = self._producer.send(
                EVENTS.name, record.value, key=record.key, headers=record.headers, partition=partition
            )
        except kafka_errors.KafkaError as error:
            raise self._failure(error) from error
        self._records += 1
        self._bytes += record.size
        sent.add_callback(self._acked, settled, record, now)
        sent.add_errback(self._refused, settled, record, now)

    async def stop(self, seconds: float) -> None:
        self._stopping.set()
        with suppress(kafka_errors.KafkaError):
            await asyncio.to_thread(self._producer.flush, seconds)
        with suppress(kafka_errors.KafkaError):
            await asyncio.to_thread(self._producer.close, 1)
        self._drain()

    # On the sender thread:

    def _acked(self, settled: Settled, record: Record, sent_at: float, metadata: Any) -> None:
        self._arrive(settled, record, sent_at, Published(metadata.partition, metadata.offset))

    def _refused(self, settled: Settled, record: Record, sent_at: float, error: Exception) -> None:
        self._arrive(settled, record, sent_at, self._failure(error))

    def _arrive(self, settled: Settled, record: Record, sent_at: float, result: Published | DeliveryFailed) -> None:
        self._arrivals.append((settled, record, sent_at, result))
        if not self._armed:
            self._armed = True
            with suppress(RuntimeError):  # the loop has closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._drain)

    # On the event loop:

    def _drain(self) -> None:
        self._armed = False  # first, so that an ack arriving from here on wakes the loop again
        now, acks = perf_counter(), 0
        while self._arrivals:
            settled, record, sent_at, result = self._arrivals.popleft()
            self._records -= 1
            self._bytes -= record.size
            if isinstance(result, Published):
                acks += 1
                self._metrics.ack_duration.observe(now - sent_at)
            settled(result)
        if acks:
            self._pace.step(acks)
            self._metrics.acked.inc(acks)
            self._metrics.last_ack.set(time())

    def _failure(self, error: Exception) -> DeliveryFailed:
        kind = next((kind for types, kind in _KINDS if isinstance(error, types)), ProducerError.OTHER)
        self._metrics.errors.labels(kind).inc()
        return DeliveryFailed(kind, str(error) or type(error).__name__)

    def _learn_layout(self) -> None:
        """Ask for the topic's partitions until Kafka answers, then now and then again, should some be added."""
        while not self._stopping.is_set():
            try:
                self._partitions = len(self._producer.partitions_for(EVENTS.name))
            except kafka_errors.KafkaError as error:
                logger.debug("the layout of topic {} is not known yet: {}", EVENTS.name, error)
            self._stopping.wait(30 if self._partitions else 0.2)


_KINDS: tuple[tuple[tuple[type[Exception], ...], ProducerError], ...] = (
    ((kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError), ProducerError.TOO_LARGE),
    ((kafka_errors.KafkaTimeoutError, kafka_errors.RequestTimedOutError), ProducerError.TIMEOUT),
    ((kafka_errors.NotEnoughReplicasError, kafka_errors.NotEnoughReplicasAfterAppendError),
     ProducerError.NOT_ENOUGH_REPLICAS),
    ((kafka_errors.UnknownTopicOrPartitionError,), ProducerError.NO_TOPIC),
    ((kafka_errors.AuthorizationError,), ProducerError.AUTHORIZATION),
    ((kafka_errors.KafkaConnectionError, kafka_errors.NodeNotReadyError), ProducerError.CONNECTION),
)  # fmt: skip

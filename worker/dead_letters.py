"""Records that are no events, parked in ``events.dlq`` with their reason and where they came from."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from kafka import KafkaProducer
from kafka import errors as kafka_errors
from loguru import logger

from contract.kafka import KafkaSettings
from contract.topics import DEAD_LETTERS, EVENTS, MAX_RECORD_BYTES
from worker.batch import DeadRecord
from worker.errors import DeadLettersUnavailable, TooManyDeadLetters
from worker.metrics import WorkerMetrics

_WINDOW = 10_000
_ACK_SECONDS = 10


class DeadLetterLimit:
    """Trips when too many records in a row, or too great a share of the last 10,000, are dead letters.

    It is asked before a batch is parked, so a worker that trips has parked none of it, nor will after a restart.
    """

    def __init__(self, max_run: int, max_share: float) -> None:
        self._max_run, self._max_share = max_run, max_share
        self._run = 0
        self._window: deque[tuple[int, int]] = deque()  # records and dead letters of each batch

    def check(self, records: int, dead: int) -> None:
        """Raises TooManyDeadLetters; else counts the batch."""
        run = self._run + dead if dead == records else dead
        total = sum(n for n, _ in self._window) + records
        parked = sum(n for _, n in self._window) + dead
        if run >= self._max_run:
            raise TooManyDeadLetters(
                f"{run} records in a row would go to the dead letters; the limit is {self._max_run}"
            )
        if total >= _WINDOW and parked > total * self._max_share:
            raise TooManyDeadLetters(f"{parked} of the last {total} records would be dead letters")
        self._run = run if dead == records else 0
        self._window.append((records, dead))
        while sum(n for n, _ in self._window) - self._window[0][0] >= _WINDOW:
            self._window.popleft()


class DeadLetters:
    """Parks records; a parked record is acknowledged by the broker when ``park`` returns."""

    def __init__(self, kafka: KafkaSettings, group: str, metrics: WorkerMetrics) -> None:
        self._kafka, self._group, self._metrics = kafka, group.encode(), metrics
        self._producer: KafkaProducer | None = None  # most workers never need one

    def park(self, records: Sequence[DeadRecord]) -> None:
        """May block for seconds. Raises DeadLettersUnavailable; then some may be parked, and will be again."""
        if not records:
            return
        try:
            producer = self._producer = self._producer or self._connect()
            sent = [self._send(producer, dead) for dead in records]
            for future in sent:
                future.get(timeout=_ACK_SECONDS)
        except kafka_errors.KafkaError as error:
            raise DeadLettersUnavailable(str(error)) from error
        for dead in records:
            self._metrics.dead_letters.labels(dead.reason).inc()
            origin = f"{dead.record.topic}/{dead.record.partition}@{dead.record.offset}"
            logger.warning("{} went to the dead letters, {}: {}", origin, dead.reason, dead.detail)

    def close(self) -> None:
        if self._producer is not None:
            self._producer.close(timeout=_ACK_SECONDS)

    def _connect(self) -> KafkaProducer:
        return KafkaProducer(
            bootstrap_servers=self._kafka.servers,
            client_id="dead-letters",
            api_version=(3, 9),
            enable_idempotence=True,
            acks="all",
            request_timeout_ms=5_000,
            delivery_timeout_ms=_ACK_SECONDS * 1000,
            max_block_ms=_ACK_SECONDS * 1000,
            max_request_size=MAX_RECORD_BYTES + 65_536,  # the record just fitted, and gains headers
        )

    def _send(self, producer: KafkaProducer, dead: DeadRecord) -> Any:
        record = dead.record
        headers = [
            *((name, value or b"") for name, value in record.headers),
            ("dead_letter_reason", dead.reason.encode()),
            ("dead_letter_detail", dead.detail[:1000].encode()),
            ("dead_letter_group", self._group),
            ("origin_topic", EVENTS.name.encode()),
            ("origin_partition", b"%d" % record.partition),
            ("origin_offset", b"%d" % record.offset),
            ("origin_timestamp_ms", b"%d" % record.timestamp),
            ("origin_value", b"null" if record.value is None else b"bytes"),
        ]
        # A record with neither key nor value cannot be sent, so a missing value goes as an empty one.
        return producer.send(DEAD_LETTERS.name, record.value or b"", key=record.key, headers=headers)

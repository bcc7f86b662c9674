"""Parks records in ``events.dlq``, with their reason and where they came from."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from kafka import KafkaProducer
from kafka import errors as kafka_errors
from loguru import logger

from contract.kafka import KafkaSettings
from contract.topics import DEAD_LETTERS, MAX_RECORD_BYTES
from worker.batch import DeadRecord
from worker.dead_letters import letter
from worker.errors import DeadLettersUnavailable
from worker.metrics import WorkerMetrics
from worker.unpacking import Record

_ACK_SECONDS = 10
_CLOSE_SECONDS = 1  # parking waits for its acks, so nothing is under way


class DeadLetters:
    """Parks records; a parked record is acknowledged by the broker when ``park`` returns."""

    def __init__(self, kafka: KafkaSettings, group: str, metrics: WorkerMetrics) -> None:
        self._kafka, self._group, self._metrics = kafka, group, metrics
        self._producer: KafkaProducer | None = None  # most workers never need one

    def park(self, records: Sequence[DeadRecord]) -> None:
        """May block for seconds. Raises DeadLettersUnavailable; then some may be parked, and will be again."""
        if not records:
            return
        try:
            producer = self._producer = self._producer or producer_to(self._kafka)
            sent = [self._send(producer, dead) for dead in records]
            for future in sent:
                future.get(timeout=_ACK_SECONDS)
        except kafka_errors.KafkaError as error:
            self.close()  # a client that failed is not trusted with the next attempt
            raise DeadLettersUnavailable(str(error)) from error
        for dead in records:
            self._metrics.dead_letters.labels(dead.reason).inc()
            origin = f"{dead.record.topic}/{dead.record.partition}@{dead.record.offset}"
            log = logger.bind(**_ids(dead.record))
            log.warning("{} went to the dead letters, {}: {}", origin, dead.reason, dead.detail)

    def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(kafka_errors.KafkaError):
                producer.close(timeout=_CLOSE_SECONDS)

    def _send(self, producer: KafkaProducer, dead: DeadRecord) -> Any:
        key, value, headers = letter.write(dead, self._group)
        return producer.send(DEAD_LETTERS.name, value, key=key, headers=headers)


def _ids(record: Record) -> dict[str, str]:
    """What of ``request_id`` and ``event_id`` can be told of a record that may hold anything."""
    ids = {name: value.decode(errors="replace") for name, value in record.headers if value and name == "request_id"}
    event_id = letter.event_in(record.value).get("event_id")
    return {**ids, "event_id": event_id} if isinstance(event_id, str) else ids


def producer_to(kafka: KafkaSettings) -> KafkaProducer:
    """For letters on their way in and out. Does not wait for Kafka."""
    return KafkaProducer(
        bootstrap_servers=kafka.servers,
        client_id="dead-letters",
        api_version=(3, 9),
        enable_idempotence=True,
        acks="all",
        request_timeout_ms=5_000,
        delivery_timeout_ms=_ACK_SECONDS * 1000,
        max_block_ms=_ACK_SECONDS * 1000,
        max_request_size=MAX_RECORD_BYTES + 131_072,  # as the topic's own limit
    )

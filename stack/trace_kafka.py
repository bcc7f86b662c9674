"""An event's record in Kafka: at the place somebody knows, or searched for when nobody does."""

from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from time import time
from typing import Any, Final
from uuid import UUID

from kafka import KafkaConsumer
from kafka import errors as kafka_errors
from kafka.structs import TopicPartition
from pydantic_core import from_json

from contract.topics import EVENTS
from stack.trace import Place, Trace

_ANSWER_MS: Final = 5_000
_POLL_MS: Final = 1_000
_SEARCHED_SECONDS: Final = 3_600
_UNREADABLE: Final = (kafka_errors.CorruptRecordError, kafka_errors.UnsupportedCodecError)
_CLOCK_SECONDS: Final = 60  # by which the clocks of broker and gateway may differ


def look_up(trace: Trace, brokers: str) -> None:
    """Note when Kafka appended the event's record, and its headers. Raises OSError when Kafka does not answer."""
    try:
        with closing(_consumer(brokers)) as consumer:
            record = _at(consumer, trace.place) if trace.place else _search(consumer, trace.event_id)
    except kafka_errors.KafkaError as error:
        raise OSError(str(error)) from error
    if record is not None:
        trace.headers = {name: value.decode(errors="replace") for name, value in record.headers if value is not None}
        trace.place = Place(record.partition, record.offset)
        trace.read(_event_in(record.value), trace.headers.get("request_id"))
        trace.see("appended", datetime.fromtimestamp(record.timestamp / 1000, UTC), f"Kafka, {trace.place}")


def _consumer(brokers: str) -> KafkaConsumer:
    return KafkaConsumer(
        bootstrap_servers=brokers.split(","),
        client_id="trace",
        api_version=(3, 9),
        enable_auto_commit=False,
        allow_auto_create_topics=False,
        bootstrap_timeout_ms=_ANSWER_MS,
        metrics_enabled=False,
    )


def _at(consumer: KafkaConsumer, place: Place) -> Any | None:
    """None when the record has left the topic."""
    partition = TopicPartition(EVENTS.name, place.partition)
    consumer.assign([partition])
    if not _first(consumer, partition) <= place.offset < _end(consumer, partition):
        return None
    consumer.seek(partition, place.offset)
    return next((record for record in _records(consumer, partition) if record.offset == place.offset), None)


def _search(consumer: KafkaConsumer, event_id: UUID) -> Any | None:
    """The first record of the event among those appended since it was made, as far as its id tells, or lately."""
    since = int(1000 * (_made_at(event_id) or time() - _SEARCHED_SECONDS)) - 1000 * _CLOCK_SECONDS
    needle = str(event_id).encode()
    partitions = [TopicPartition(EVENTS.name, number) for number in range(EVENTS.partitions)]
    begins = consumer.offsets_for_times(dict.fromkeys(partitions, since), timeout_ms=_ANSWER_MS)
    for partition, begin in begins.items():
        if begin is not None:  # else it has nothing that is so young
            consumer.assign([partition])
            consumer.seek(partition, begin.offset)
            for record in _records(consumer, partition):
                if needle in (record.value or b"") and _event_in(record.value).get("event_id") == str(event_id):
                    return record
    return None


def _records(consumer: KafkaConsumer, partition: TopicPartition) -> Iterator[Any]:
    """From where the consumer stands to the present end, but for those that Kafka's client cannot unpack."""
    end = _end(consumer, partition)
    while (at := consumer.position(partition, timeout_ms=_ANSWER_MS)) < end:
        try:
            yield from consumer.poll(timeout_ms=_POLL_MS).get(partition, ())
        except _UNREADABLE:  # those before it have been returned, so it is the next one
            consumer.seek(partition, at + 1)


def _first(consumer: KafkaConsumer, partition: TopicPartition) -> int:
    first: int = consumer.beginning_offsets([partition], timeout_ms=_ANSWER_MS)[partition]
    return first


def _end(consumer: KafkaConsumer, partition: TopicPartition) -> int:
    end: int = consumer.end_offsets([partition], timeout_ms=_ANSWER_MS)[partition]
    return end


def _made_at(event_id: UUID) -> float | None:
    """Unix seconds; the gateway's own ids begin with them (RFC 9562 §5.7)."""
    return (event_id.int >> 80) / 1000 if event_id.version == 7 else None


def _event_in(value: bytes | None) -> dict[str, Any]:
    """Empty for what is no event."""
    with suppress(ValueError):  # whatever is in the topic: pydantic's reader has a limit of depth, and raises only this
        event = from_json(value or b"")
        if isinstance(event, dict):
            return event
    return {}

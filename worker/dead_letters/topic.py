"""Reads ``events.dlq`` from its beginning to its end, and sends letters back to where they came from."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from kafka import KafkaConsumer
from kafka.structs import TopicPartition
from pydantic import ValidationError

from contract.codec import decode
from contract.event import SCHEMA_VERSION
from contract.kafka import KafkaSettings
from contract.topics import DEAD_LETTERS, EVENTS
from worker.dead_letters.letter import Header, Letter, replayed_offset
from worker.dead_letters.parking import producer_to

_ACK_SECONDS = 10
_ANSWER_MS = 10_000


class Shelf(NamedTuple):
    """The letters that wait, in order, and how many were replayed already."""

    letters: list[Letter]
    replayed: int


def read(kafka: KafkaSettings) -> Shelf:
    """All there is now; may take seconds. Raises KafkaError."""
    letters: dict[int, Letter] = {}
    replayed = 0
    consumer = KafkaConsumer(
        bootstrap_servers=kafka.servers, client_id="dead-letters", auto_offset_reset="earliest", metrics_enabled=False,
        enable_auto_commit=False, bootstrap_timeout_ms=_ANSWER_MS,
    )  # fmt: skip
    try:
        for record in _records(consumer):
            offset = replayed_offset(record)
            if offset is None:
                letters[record.offset] = Letter.read(record)
            elif letters.pop(offset, None) is not None:
                replayed += 1
    finally:
        consumer.close(autocommit=False, timeout_ms=_ANSWER_MS)
    return Shelf(list(letters.values()), replayed)


def unreadable(letter: Letter) -> str | None:
    """Why today's workers would park the letter again; None when they would not."""
    if letter.value is None:
        return f"its value is not here: look at {letter.origin}"
    version = dict(letter.headers).get("schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        return f"schema_version is {version!r}"
    try:
        decode(letter.value)
    except ValidationError as error:
        return str(error.errors(include_url=False, include_input=False)[0]["msg"])
    return None


def replay(kafka: KafkaSettings, letters: Iterable[Letter]) -> Iterator[Letter]:
    """Send letters back to the events, and note each as replayed; yields it when both are acknowledged.

    The record is as it was, with its id: should it be stored by now, the repeat is left out. Raises KafkaError.
    """
    producer = producer_to(kafka)
    try:
        for letter in letters:
            producer.send(EVENTS.name, letter.value, key=letter.key, headers=letter.headers).get(_ACK_SECONDS)
            note = [(Header.REPLAYED.value, b"%d" % letter.offset)]
            producer.send(DEAD_LETTERS.name, b"", headers=note).get(_ACK_SECONDS)
            yield letter
    finally:
        producer.close(timeout=_ACK_SECONDS)


def _records(consumer: KafkaConsumer) -> Iterator[Any]:
    partitions = [TopicPartition(DEAD_LETTERS.name, number) for number in range(DEAD_LETTERS.partitions)]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions, timeout_ms=_ANSWER_MS)
    consumer.seek_to_beginning(*partitions)
    while any(consumer.position(partition, timeout_ms=_ANSWER_MS) < end for partition, end in ends.items()):
        for records in consumer.poll(timeout_ms=500).values():
            yield from records

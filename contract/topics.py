"""The topics and the consumer group: names, partitions, settings."""

from typing import Final, NamedTuple


class Topic(NamedTuple):
    """A topic as the stack creates it; nothing relies on the broker's auto-creation."""

    name: str
    partitions: int
    config: dict[str, str]


MAX_RECORD_BYTES: Final = 1_048_576
"""Largest record a producer may send: key, value and headers. The topic's own limit leaves room for framing."""

EVENTS: Final = Topic(
    "events",
    partitions=6,
    config={
        # The broker's clock stamps each record, so the time in the queue needs no trust in a client's clock.
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(MAX_RECORD_BYTES + 65_536),
        "retention.ms": str(7 * 24 * 3600 * 1000),
    },
)
DEAD_LETTERS: Final = Topic(
    "events.dlq",
    partitions=1,
    config={
        # A dead letter repeats a record that just fitted and adds headers that tell why.
        "max.message.bytes": str(MAX_RECORD_BYTES + 131_072),
        "retention.ms": str(30 * 24 * 3600 * 1000),
    },
)
TOPICS: Final = (EVENTS, DEAD_LETTERS)
WORKER_GROUP: Final = "event-workers"

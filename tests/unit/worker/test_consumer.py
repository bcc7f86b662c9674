"""The loop with a Kafka and a PostgreSQL that do as they are told: no record is passed over, whatever fails when."""

from collections.abc import Collection
from pathlib import Path
from threading import Event
from typing import Any

from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from contract.exposition import build_registry
from tests.unit.worker.records import consumed, value
from worker.batch import Batch, Span
from worker.commits import Answered, Offsets
from worker.consumer import Worker
from worker.dead_letters import DeadLetterLimit
from worker.errors import StoreUnavailable
from worker.event_log import EventLog
from worker.metrics import Trouble, WorkerMetrics
from worker.settings import EventLogSettings
from worker.store import Park, Tally
from worker.unpacking import Record
from worker.watchdog import Joining, Watchdog

FIRST, SECOND = TopicPartition("events", 0), TopicPartition("events", 1)
RECORDS = 10


class Kafka:
    """Two partitions; the second one is assigned once the first was polled, and its bounds are told at second asking.

    A poll brings two records of each partition, from where it was sought.
    """

    stumbled = rebalancing = paused = False
    topic_id = None

    def __init__(self, stop: Event) -> None:
        self.stop, self.at = stop, {FIRST: 0}
        self.asked = self.turns = 0
        self.news: set[TopicPartition] = set()

    def poll(self, _timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        self.turns += not self.paused
        if self.turns == 3:
            self.at[SECOND], self.news = 0, {SECOND}
        if self.turns > 50:
            self.stop.set()
        fetched = () if self.paused else self.at
        return {partition: records for partition in fetched if (records := self._records(partition))}

    def _records(self, partition: TopicPartition) -> list[Record]:
        begin = self.at[partition]
        self.at[partition] = end = min(begin + 2, RECORDS)
        return [consumed(value(), offset=offset, partition=partition.partition) for offset in range(begin, end)]

    def moved(self) -> set[TopicPartition]:
        news, self.news = self.news, set()
        return news

    def assignment(self) -> set[TopicPartition]:
        return set(self.at)

    def bounds(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        self.asked += SECOND in partitions
        if SECOND in partitions and self.asked == 1:
            raise KafkaError("not now")
        return dict.fromkeys(partitions, (0, RECORDS))

    def heads(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, RECORDS)

    def fetched_head(self, _partition: TopicPartition) -> int:
        return RECORDS

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.at[partition] = offset

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def ask_for_commit(self, _offsets: Offsets, _answered: Answered) -> None: ...

    def commit(self, _offsets: Offsets) -> None: ...

    def failed(self, *_: object) -> None: ...


class Table:
    """Keeps the offsets and what was stored; every third attempt fails."""

    def __init__(self) -> None:
        self.next: dict[int, int] = {}
        self.rows: list[tuple[int, int]] = []
        self.attempts = 0

    def offsets(self) -> dict[int, int]:
        return dict(self.next)

    def claim(self, partition: int, offset: int) -> None:
        self.next.setdefault(partition, offset)

    def store(self, batch: Batch, _park: Park) -> Tally:
        self.attempts += 1
        if self.attempts % 3 == 0:
            raise StoreUnavailable(Trouble.CONNECTION, "not now")
        for partition, span in batch.spans.items():
            assert self.next[partition] == span.expected
        self.next |= {partition: span.next_offset for partition, span in batch.spans.items()}
        self.rows += [(event.record.partition, event.record.offset) for event in batch.events]
        return Tally(len(batch.events), 0, 0)

    def move(self, partition: int, span: Span) -> None:
        raise AssertionError


def test_every_record_is_stored_once_and_in_order_whatever_fails_on_the_way(tmp_path: Path) -> None:
    stop, table, metrics = Event(), Table(), WorkerMetrics(build_registry("test"))
    kafka, log = Kafka(stop), EventLog(EventLogSettings(path=tmp_path / "consumer.log"), metrics)
    unused: Any = None
    worker = Worker(
        kafka,  # type: ignore[arg-type]
        table,  # type: ignore[arg-type]
        log,
        unused,
        DeadLetterLimit(1000, 0.5),
        Watchdog(60),
        Joining(60),
        unused,
        metrics,
        retry_max_seconds=0.01,
        beat=lambda: None,
        stop=stop,
    )
    worker.run()
    log.close()
    assert metrics.skipped._value.get() == 0
    for partition in (0, 1):
        assert [row for row in table.rows if row[0] == partition] == [(partition, n) for n in range(RECORDS)]

"""Where partitions go on, with a Kafka and a PostgreSQL that others use meanwhile."""

from collections.abc import Collection

from kafka.structs import TopicPartition

from contract.exposition import build_registry
from worker.batch import Span
from worker.metrics import WorkerMetrics
from worker.positions import Positions

PARTITION = TopicPartition("events", 0)


class World:
    """A partition that other workers go on with whenever this one has asked something, as while its process sleeps."""

    topic_id = None

    def __init__(self) -> None:
        self.head = self.stored = 10
        self.sought: dict[TopicPartition, int] = {}
        self.moves: list[Span] = []

    def assignment(self) -> set[TopicPartition]:
        return {PARTITION}

    def bounds(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        return dict.fromkeys(partitions, (0, self._asleep(self.head)))

    def offsets(self) -> dict[int, int]:
        return {PARTITION.partition: self._asleep(self.stored)}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.sought[partition] = offset

    def move(self, _partition: int, span: Span) -> None:
        self.moves.append(span)

    def _asleep(self, answer: int) -> int:
        self.head = self.stored = answer + 20
        return answer


def test_what_others_append_and_store_between_two_questions_is_not_taken_for_another_topic() -> None:
    world = World()
    positions = Positions(world, world, WorkerMetrics(build_registry("worker")))  # type: ignore[arg-type]
    positions.place(positions.unplaced())
    assert world.sought == {PARTITION: 10}
    assert world.moves == []

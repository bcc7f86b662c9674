"""Notices a partition that has records and does not move.

A client that has lost track of a partition never fetches it again, and tells nobody: the lag of that partition grows
while everything else looks well (https://github.com/dpkp/kafka-python/issues/3131 was one way to get there).
"""

from collections.abc import Callable, Collection, Mapping
from time import monotonic

from kafka.structs import TopicPartition

Heads = Callable[[Collection[TopicPartition]], Mapping[TopicPartition, int]]
"""Asks Kafka for the head of each partition."""


class Watchdog:
    """Looks every ``seconds``; a partition is stuck when it had records at two looks and did not move between them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due = monotonic() + seconds
        self._behind: dict[TopicPartition, int] = {}  # where partitions with records stood at the last look

    def stuck(self, positions: Mapping[TopicPartition, int], heads: Heads) -> set[TopicPartition]:
        """May block, and raises what ``heads`` raises; between two looks it does nothing."""
        if monotonic() < self._due:
            return set()
        self._due = monotonic() + self._seconds
        before, self._behind = self._behind, {}
        now = heads(positions.keys())
        self._behind = {partition: at for partition, at in positions.items() if at < now[partition]}
        return {partition for partition, at in self._behind.items() if before.get(partition) == at}

    def excuse(self) -> None:
        """Nothing was meant to move since the last look."""
        self._behind.clear()

"""Notices a Kafka client that is stuck, and tells nobody; a new one is the cure.

One that has lost track of a partition never fetches it again: the lag of that partition grows while everything else
looks well (https://github.com/dpkp/kafka-python/issues/3131 was one way to get there). One whose joining was cut off
by a broker's death can believe for ever that it joins: kafka-python 3.0.12 then goes on to fetch, but its heartbeats
have ended, the group goes on without it, none of its commits is taken, and its polls take a core.
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


class Joining:
    """A rebalance is endless after so many ``seconds``: longer than a session lasts, which is what it may wait for."""

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._since: float | None = None

    def endless(self, rebalancing: bool) -> bool:
        """To be asked again and again; what it has told it tells again only after as long."""
        if not rebalancing:
            self._since = None
            return False
        self._since = self._since or self._clock()
        if self._clock() - self._since < self._seconds:
            return False
        self._since = None
        return True

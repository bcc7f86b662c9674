"""Notices a Kafka client that is busy and brings nothing.

kafka-python 3.0.12 can come to a state in which every wait of a poll ends at once, on something that has long failed:
a poll without records then takes a whole core, and memory grows with what it leaves behind.
"""

from collections.abc import Callable
from time import monotonic, thread_time
from typing import Final

_BUSY_SHARE: Final = (
    0.15  # an idle poll takes a hundredth of its time; one that spins shares it with the client's thread
)


class Spin:
    """Adds up the time of empty polls that were busy; one that had records, or was at rest, begins the sum anew."""

    def __init__(
        self, seconds: float, clock: Callable[[], float] = monotonic, used: Callable[[], float] = thread_time
    ) -> None:
        self._seconds, self._clock, self._used = seconds, clock, used
        self._busy = 0.0

    def begin(self) -> None:
        """Before a poll."""
        self._began, self._used_before = self._clock(), self._used()

    def goes_on(self, empty: bool) -> bool:
        """After the poll, on the same thread: whether nothing but this has happened for so many seconds."""
        took, used = self._clock() - self._began, self._used() - self._used_before
        self._busy = self._busy + took if empty and used > took * _BUSY_SHARE else 0.0
        if self._busy < self._seconds:
            return False
        self._busy = 0.0
        return True

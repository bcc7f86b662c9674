"""When parking has to stop: a bad deploy must not empty the topic into the dead letters."""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import takewhile

from worker.errors import TooManyDeadLetters

_WINDOW = 10_000


class DeadLetterLimit:
    """Trips when too many records in a row, or too great a share of the last 10,000, are dead letters.

    It is asked before a batch is parked, so a worker that trips has parked none of it. A row goes through the records
    as they were read: partition after partition of a batch, and on in the next one. One good record ends it.
    """

    def __init__(self, max_run: int, max_share: float) -> None:
        self._max_run, self._max_share = max_run, max_share
        self._run = 0
        self._window: deque[tuple[int, int]] = deque()  # records and dead letters of each batch
        self._records = self._dead = 0  # their sums

    def check(self, fates: Sequence[bool]) -> None:
        """Raises TooManyDeadLetters when a batch must not be parked; ``fates`` tells of each record if it is dead."""
        run = _longest_run(self._run, fates)
        if run >= self._max_run:
            raise TooManyDeadLetters(
                f"{run} records in a row would go to the dead letters; the limit is {self._max_run}"
            )
        total, parked = self._records + len(fates), self._dead + sum(fates)
        if total >= _WINDOW and parked > total * self._max_share:
            raise TooManyDeadLetters(f"{parked} of the last {total} records would be dead letters")

    def count(self, fates: Sequence[bool]) -> None:
        """Remember a batch that is done with."""
        records, dead = len(fates), sum(fates)
        self._run = _last_run(self._run, fates)
        self._window.append((records, dead))
        self._records, self._dead = self._records + records, self._dead + dead
        while self._records - self._window[0][0] >= _WINDOW:
            oldest_records, oldest_dead = self._window.popleft()
            self._records, self._dead = self._records - oldest_records, self._dead - oldest_dead


def _longest_run(before: int, fates: Iterable[bool]) -> int:
    longest = run = before
    for dead in fates:
        run = run + 1 if dead else 0
        longest = max(longest, run)
    return longest


def _last_run(before: int, fates: Sequence[bool]) -> int:
    return sum(takewhile(bool, reversed(fates))) + (before if all(fates) else 0)

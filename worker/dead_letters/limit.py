"""When parking has to stop: a bad deploy must not empty the topic into the dead letters."""

from collections import deque

from worker.errors import TooManyDeadLetters

_WINDOW = 10_000


class DeadLetterLimit:
    """Trips when too many records in a row, or too great a share of the last 10,000, are dead letters.

    It is asked before a batch is parked, so a worker that trips has parked none of it.
    """

    def __init__(self, max_run: int, max_share: float) -> None:
        self._max_run, self._max_share = max_run, max_share
        self._run = 0
        self._window: deque[tuple[int, int]] = deque()  # records and dead letters of each batch
        self._records = self._dead = 0  # their sums

    def check(self, records: int, dead: int) -> None:
        """Raises TooManyDeadLetters when a batch with so many of them must not be parked."""
        run = self._run + dead if dead == records else dead
        if run >= self._max_run:
            raise TooManyDeadLetters(
                f"{run} records in a row would go to the dead letters; the limit is {self._max_run}"
            )
        total, parked = self._records + records, self._dead + dead
        if total >= _WINDOW and parked > total * self._max_share:
            raise TooManyDeadLetters(f"{parked} of the last {total} records would be dead letters")

    def count(self, records: int, dead: int) -> None:
        """Remember a batch that is done with."""
        self._run = self._run + dead if dead == records else 0
        self._window.append((records, dead))
        self._records, self._dead = self._records + records, self._dead + dead
        while self._records - self._window[0][0] >= _WINDOW:
            oldest_records, oldest_dead = self._window.popleft()
            self._records, self._dead = self._records - oldest_records, self._dead - oldest_dead

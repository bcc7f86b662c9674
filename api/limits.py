"""How much is let in: the pace of what leaves, and the rate of each key."""

from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from time import monotonic

_WINDOW_SECONDS = 5.0
_LONGEST_WAIT = 60
_MOST_KEYS = 10_000


class Pace:
    """How fast a queue empties, over the last few seconds; answers what to put into ``Retry-After``."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._since, self._steps, self._rate = clock(), 0, 0.0

    def step(self, steps: int = 1) -> None:
        self._steps += steps
        self._roll()

    def seconds_until_room(self, wanted: int = 1) -> int:
        """Whole seconds, 1 to 60, until ``wanted`` places are free; 60 while nothing leaves at all."""
        self._roll()
        rate = self._rate or self._steps / max(self._clock() - self._since, 1.0)
        return min(max(ceil(wanted / rate), 1), _LONGEST_WAIT) if rate else _LONGEST_WAIT

    def _roll(self) -> None:
        elapsed = self._clock() - self._since
        if elapsed >= _WINDOW_SECONDS:
            self._rate, self._steps, self._since = self._steps / elapsed, 0, self._clock()


class RateLimit:
    """A token bucket a key: ``per_second`` events, of which one second's worth may come at once; 0 is no limit."""

    def __init__(self, per_second: float, clock: Callable[[], float] = monotonic) -> None:
        self._per_second, self._clock = per_second, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key: tokens, as of

    def admit(self, key: str, events: int) -> int:
        """Take the events out of the key's bucket: 0, or the whole seconds to wait when they don't fit.

        More events than a full bucket holds are let in when it is full, and the bucket goes into debt.
        """
        if not self._per_second:
            return 0
        now, full = self._clock(), max(self._per_second, 1.0)
        tokens, as_of = self._buckets.pop(key, (full, now))
        tokens = min(full, tokens + (now - as_of) * self._per_second)
        missing = min(events, full) - tokens
        self._buckets[key] = (tokens - (events if missing <= 0 else 0), now)
        if len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)
        return ceil(missing / self._per_second) if missing > 0 else 0

"""When other connections to PostgreSQL could first see each record: a look every two milliseconds."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from threading import Event as Stop
from threading import Thread
from time import monotonic
from types import TracebackType
from typing import Final, Self

from benchmarks.database import Database

_LOOK_SECONDS: Final = 0.002


class Sightings:
    """From looks at the offsets stored so far: which look was the first that showed a record."""

    def __init__(self) -> None:
        self._offsets: dict[int, list[int]] = defaultdict(list)  # by partition, rising
        self._times: dict[int, list[float]] = defaultdict(list)

    def note(self, next_offsets: Mapping[int, int], at: float) -> None:
        for partition, next_offset in next_offsets.items():
            offsets = self._offsets[partition]
            if not offsets or offsets[-1] < next_offset:
                offsets.append(next_offset)
                self._times[partition].append(at)

    def seen(self, partition: int, offset: int) -> float:
        """Raises IndexError when no look has shown the record."""
        return self._times[partition][bisect_right(self._offsets[partition], offset)]


class Watch:
    """Looks on a thread of its own, between entry and exit. A batch's offsets become visible with its rows."""

    def __init__(self, database_url: str, group: str) -> None:
        self._database, self._group, self._stop = Database(database_url), group, Stop()
        self._sightings = Sightings()
        self._thread = Thread(target=self._look, name="watch")
        self.seen = self._sightings.seen

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._database.close()

    def _look(self) -> None:
        done = False
        while not done:
            done = self._stop.is_set()  # one more look after the last row has come
            self._sightings.note(self._database.offsets(self._group), monotonic())
            self._stop.wait(_LOOK_SECONDS)

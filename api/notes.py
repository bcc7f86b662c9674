"""What is counted is noted first, and entered many at once: one by one it would cost more than what it counts."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Generic, TypeVar

from contract.exposition import BeforeScrape

_MOST: Final = 50  # more of them keep memory apart that the next requests would have found near

N = TypeVar("N")


class Notes(Generic[N]):
    """``enter`` is called with all notes there are, before each scrape and when there are many.

    On the event loop or a scrape's thread, maybe at once: each note is taken by one of them.
    """

    def __init__(self, enter: Callable[[list[N]], None], before_scrape: BeforeScrape) -> None:
        self._notes, self._enter = deque[N](), enter
        before_scrape.call(self._flush)

    def add(self, note: N) -> None:
        self._notes.append(note)
        if len(self._notes) >= _MOST:
            self._flush()

    def _flush(self) -> None:
        taken = list[N]()
        with suppress(IndexError):
            while True:
                taken.append(self._notes.popleft())
        if taken:
            self._enter(taken)

"""What every scenario is made of: drafts of events, and many sources of them at once."""

from collections.abc import Callable, Iterator
from itertools import accumulate
from random import Random
from typing import NamedTuple

from pydantic import JsonValue


class Draft(NamedTuple):
    """An event before a run gives it its id, time and source."""

    event_type: str
    user_id: str
    properties: dict[str, JsonValue]
    late: float = 0.0
    """Seconds between what happened and its sending."""


def interleave(rng: Random, width: int, begin: Callable[[], Iterator[Draft]]) -> Iterator[Draft]:
    """Endless drafts of ``width`` sources at once, each in its own order; ``begin`` starts one more when one ends."""
    sources = [begin() for _ in range(width)]
    while True:
        index = rng.randrange(width)
        try:
            yield next(sources[index])
        except StopIteration:
            sources[index] = begin()


class Popularity:
    """Ranks 1..size drawn as people choose, by Zipf's law: the first often, the last hardly ever."""

    def __init__(self, rng: Random, size: int, exponent: float = 0.7) -> None:
        self._rng = rng
        self._ranks = range(1, size + 1)
        self._weights = list(accumulate(rank**-exponent for rank in self._ranks))

    def draw(self) -> int:
        return self._rng.choices(self._ranks, cum_weights=self._weights)[0]

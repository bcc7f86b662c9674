"""Long work on the event loop's one thread: in turns with whoever else waits."""

import asyncio
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_TURN_SECONDS = 0.02


class Turns:
    """Lets others have the event loop when its work has taken long enough."""

    def __init__(self) -> None:
        self._due = perf_counter() + _TURN_SECONDS

    async def take(self) -> None:
        """Must be awaited now and then by whoever works."""
        if perf_counter() > self._due:
            await asyncio.sleep(0)
            self._due = perf_counter() + _TURN_SECONDS


async def in_turns(work: Callable[[T], R], over: Iterable[T]) -> list[R]:
    """The work's results in order; others get the event loop between two of them when that takes long."""
    turns, done = Turns(), list[R]()
    for each in over:
        done.append(work(each))
        await turns.take()
    return done

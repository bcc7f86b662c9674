"""New events wait while the spool drains; half as many are let in as leave."""

import asyncio

import pytest

from api.brake import Brake

pytestmark = pytest.mark.anyio
ALL = 10_000  # what it lets in before anything has left


class Queue:
    """Events that came to a brake, and those that were let in, in order."""

    def __init__(self, most_seconds: float = 60) -> None:
        self.brake = Brake(most_seconds)
        self.in_: list[str] = []

    async def come(self, name: str, events: int = 1) -> None:
        async def wait() -> None:
            await self.brake.wait(events)
            self.in_.append(name)

        self._task = asyncio.create_task(wait())
        await asyncio.sleep(0.001)

    async def let_in(self) -> list[str]:
        await asyncio.sleep(0.001)
        return self.in_


@pytest.fixture
async def queue() -> Queue:
    """Without room."""
    queue = Queue()
    await queue.come("first", ALL)
    queue.in_.clear()
    return queue


async def test_at_first_there_is_room() -> None:
    queue = Queue()
    await queue.come("a")
    assert await queue.let_in() == ["a"]
    assert not queue.brake.holds_some


async def test_without_room_events_wait(queue: Queue) -> None:
    await queue.come("a")
    assert await queue.let_in() == []
    assert queue.brake.holds_some


async def test_half_as_many_come_in_as_leave_in_order(queue: Queue) -> None:
    for name in ("a", "b", "c"):
        await queue.come(name)
    queue.brake.drained(4)
    assert await queue.let_in() == ["a", "b"]


async def test_a_batch_that_finds_some_room_comes_in_whole_and_the_next_one_pays_for_it(queue: Queue) -> None:
    await queue.come("a", 500)
    await queue.come("b")
    queue.brake.drained(2)
    assert await queue.let_in() == ["a"]
    queue.brake.drained(998)
    assert await queue.let_in() == ["a"]
    queue.brake.drained(2)
    assert await queue.let_in() == ["a", "b"]


async def test_who_comes_later_waits_behind_those_who_wait(queue: Queue) -> None:
    await queue.come("a")
    queue.brake.drained(10)
    await queue.come("b")
    assert await queue.let_in() == ["a", "b"]


async def test_nobody_waits_for_longer_than_allowed() -> None:
    queue = Queue(most_seconds=0.02)
    await queue.come("first", ALL)
    await queue.come("a")
    await asyncio.sleep(0.1)
    assert await queue.let_in() == ["first", "a"]
    assert not queue.brake.holds_some


async def test_room_does_not_heap_up(queue: Queue) -> None:
    queue.brake.drained(100 * ALL)
    await queue.come("a", ALL)
    await queue.come("b")
    assert await queue.let_in() == ["a"]


async def test_when_there_is_nothing_to_wait_for_all_come_in(queue: Queue) -> None:
    for name in ("a", "b", "c"):
        await queue.come(name, 500)
    queue.brake.release()
    assert await queue.let_in() == ["a", "b", "c"]
    await queue.come("d")
    assert await queue.let_in() == ["a", "b", "c", "d"]


async def test_one_that_gave_up_takes_no_room(queue: Queue) -> None:
    waiting = asyncio.create_task(queue.brake.wait(500))
    await asyncio.sleep(0.001)
    waiting.cancel()
    await queue.come("a")
    queue.brake.drained(2)
    assert await queue.let_in() == ["a"]

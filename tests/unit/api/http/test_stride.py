"""Coroutines without a task."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from api.http.stride import Stride

pytestmark = pytest.mark.anyio


class Walk:
    """A stride, what it did, and what it failed with."""

    def __init__(self) -> None:
        self.steps: list[object] = []
        self.failures: list[BaseException] = []

    def go(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        Stride(work(), asyncio.get_running_loop(), self.failures.append)


@pytest.fixture
async def walk() -> Walk:
    return Walk()


@pytest.fixture
async def given() -> asyncio.Future[str]:
    return asyncio.get_running_loop().create_future()


async def test_what_waits_for_nothing_is_done_at_once(walk: Walk) -> None:
    async def work() -> None:
        walk.steps.append("done")

    walk.go(work)
    assert walk.steps == ["done"]


async def test_it_goes_on_with_the_result_of_what_it_waited_for(walk: Walk, given: asyncio.Future[str]) -> None:
    async def work() -> None:
        walk.steps.append("waits")
        walk.steps.append(await given)

    walk.go(work)
    assert walk.steps == ["waits"]
    given.set_result("given")
    await asyncio.sleep(0)
    assert walk.steps == ["waits", "given"]


async def test_two_may_wait_for_the_same(walk: Walk, given: asyncio.Future[str]) -> None:
    async def work() -> None:
        walk.steps.append(await given)

    walk.go(work)
    walk.go(work)
    waiting = asyncio.create_task(work())
    await asyncio.sleep(0)
    given.set_result("given")
    await waiting
    assert walk.steps == ["given"] * 3


async def test_it_lets_others_have_their_turn(walk: Walk) -> None:
    async def work() -> None:
        walk.steps.append("mine")
        await asyncio.sleep(0)
        walk.steps.append("mine again")

    walk.go(work)
    asyncio.get_running_loop().call_soon(walk.steps.append, "another's")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert walk.steps == ["mine", "mine again", "another's"]


@pytest.mark.parametrize("wait", [False, True], ids=["at once", "after a wait"])
async def test_whoever_started_it_is_told_what_it_raised(walk: Walk, given: asyncio.Future[str], *, wait: bool) -> None:
    async def work() -> None:
        if wait:
            await given
        raise LookupError("nothing there")

    walk.go(work)
    given.set_result("given")
    await asyncio.sleep(0)
    (failure,) = walk.failures
    assert str(failure) == "nothing there"


async def test_what_fails_to_come_is_raised_within(walk: Walk, given: asyncio.Future[str]) -> None:
    async def work() -> None:
        try:
            await given
        except LookupError as error:
            walk.steps.append(str(error))

    walk.go(work)
    given.set_exception(LookupError("nothing there"))
    await asyncio.sleep(0)
    assert (walk.steps, walk.failures) == (["nothing there"], [])


async def test_what_is_cancelled_ends_it(walk: Walk, given: asyncio.Future[str]) -> None:
    async def work() -> None:
        await given

    walk.go(work)
    given.cancel()
    await asyncio.sleep(0)
    (failure,) = walk.failures
    assert isinstance(failure, asyncio.CancelledError)

"""Connections that have nothing to do."""

import asyncio

import pytest

from api.http.idle import Idle

pytestmark = pytest.mark.anyio
SECONDS = 0.05


class Connection:
    """Counts how often it was closed."""

    def __init__(self) -> None:
        self.closed = 0
        self.idle = Idle(asyncio.get_running_loop(), SECONDS, self.close)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
async def connection() -> Connection:
    return Connection()


async def test_who_is_idle_for_so_long_is_closed_once(connection: Connection) -> None:
    connection.idle.begin()
    await asyncio.sleep(4 * SECONDS)
    assert connection.closed == 1


async def test_who_has_never_been_idle_is_not_closed(connection: Connection) -> None:
    await asyncio.sleep(2 * SECONDS)
    assert connection.closed == 0


@pytest.mark.parametrize("how", ["end", "stop"], ids=["something to do again", "lost"])
async def test_who_is_no_longer_idle_is_not_closed(connection: Connection, how: str) -> None:
    connection.idle.begin()
    getattr(connection.idle, how)()
    await asyncio.sleep(4 * SECONDS)
    assert connection.closed == 0


async def test_each_time_counts_from_its_own_begin(connection: Connection) -> None:
    for _ in range(6):
        connection.idle.begin()
        await asyncio.sleep(SECONDS / 2)
        connection.idle.end()
    assert connection.closed == 0
    connection.idle.begin()
    await asyncio.sleep(4 * SECONDS)
    assert connection.closed == 1

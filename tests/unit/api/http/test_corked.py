"""Answers in one write."""

import asyncio

import pytest

from api.http.corked import Corked

pytestmark = pytest.mark.anyio
HEAD, BODY = b"HTTP/1.1 201 \r\n\r\n", b"{}"


class Socket(asyncio.WriteTransport):
    """What a connection's other end would see: writes, and the end."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.seen.append(bytes(data))

    def close(self) -> None:
        self.seen.append(b"closed")

    def is_closing(self) -> bool:
        return False


@pytest.fixture
def socket() -> Socket:
    return Socket()


async def test_what_is_written_in_one_turn_of_the_loop_leaves_as_one(socket: Socket) -> None:
    corked = Corked(socket, asyncio.get_running_loop())
    corked.write(HEAD)
    corked.write(BODY)
    assert socket.seen == []
    await asyncio.sleep(0)
    assert socket.seen == [HEAD + BODY]


async def test_the_next_turn_writes_on_its_own(socket: Socket) -> None:
    corked = Corked(socket, asyncio.get_running_loop())
    corked.write(HEAD)
    await asyncio.sleep(0)
    corked.write(BODY)
    await asyncio.sleep(0)
    assert socket.seen == [HEAD, BODY]


async def test_what_is_kept_is_written_before_the_connection_is_closed(socket: Socket) -> None:
    corked = Corked(socket, asyncio.get_running_loop())
    corked.write(HEAD)
    corked.close()
    await asyncio.sleep(0)
    assert socket.seen == [HEAD, b"closed"]


async def test_what_is_whole_is_written_at_once_and_after_what_is_kept(socket: Socket) -> None:
    corked = Corked(socket, asyncio.get_running_loop())
    corked.write(HEAD)
    corked.write_now(HEAD + BODY)
    await asyncio.sleep(0)
    assert socket.seen == [HEAD, HEAD + BODY]


async def test_all_else_is_the_transports_own(socket: Socket) -> None:
    corked = Corked(socket, asyncio.get_running_loop())
    assert corked.is_closing() is False
    assert corked.get_extra_info("socket") is None

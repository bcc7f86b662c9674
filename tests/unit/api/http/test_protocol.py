"""Requests that go the short way, and those that must not: nobody outside can tell them apart."""

import asyncio
import gc
import weakref
from collections.abc import Sequence

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.http.exchange import Exchange
from api.http.protocol import ShortWay
from tests.unit.api.http.talk import LANE, Application, talking

pytestmark = pytest.mark.anyio


def post(body: bytes = b"body", path: str = LANE, more: str = "", version: str = "1.1", method: str = "POST") -> bytes:
    length = f"content-length: {len(body)}\r\n"
    return f"{method} {path} HTTP/{version}\r\nhost: here\r\n{length}{more}\r\n".encode() + body


CHUNKED = f"POST {LANE} HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n".encode()
PLAIN: dict[str, Sequence[bytes]] = {
    "one": [post()],
    "one after the other": [post(), post(b"another"), post(b"")],
    "no body": [f"POST {LANE} HTTP/1.1\r\nhost: here\r\n\r\n".encode()],
    "in chunks": [CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"],
    "the last one": [post(more="connection: close\r\n")],
    "NULs and newlines": [post(b"\x00\r\n\r\nPOST / HTTP/1.1\r\n\r\n")],
}
NOT_PLAIN: dict[str, Sequence[bytes]] = {
    "a body that comes later": [post(b"x" * 10)[:-10], b"x" * 10],
    "a body in pieces": [post(b"x" * 30)[:-25], b"x" * 20, b"x" * 5],
    "a body that never comes": [post(b"x" * 10)[:-5]],
    "chunks that break off": [CHUNKED + b"3\r\nabc\r\nnonsense\r\n"],
    "chunks that come later": [CHUNKED + b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n"],
    "a body of a megabyte": [post(b"x" * 1_000_000)],
    "who asks first": [post(b"x" * 10, more="expect: 100-continue\r\n")[:-10], b"x" * 10],
    "another method": [post(method="PUT"), post(method="GET"), post(method="HEAD", body=b"")],
    "another path": [post(path="/elsewhere")],
    "a query": [post(path=f"{LANE}?a=b")],
    "an escaped path": [post(path="/%6cane")],
    "an old client": [post(version="1.0")],
    "an old client that stays": [post(version="1.0", more="connection: keep-alive\r\n")],
    "an upgrade": [post(more="connection: upgrade\r\nupgrade: websocket\r\n")],
    "no HTTP": [b"nonsense\r\n\r\n"],
}
MIXED: dict[str, Sequence[bytes]] = {
    "two at once": [post(b"one") + post(b"two")],
    "five at once, then one": [b"".join(post(b"%d" % number) for number in range(5)), post(b"six")],
    "one and a half at once": [post(b"one") + post(b"two")[:-2], b"wo"],
    "one and half a head": [post(b"one") + post(b"two")[:20], post(b"two")[20:]],
    "one and another path": [post(b"one") + post(path="/elsewhere")],
    "another path and one": [post(path="/elsewhere") + post(b"one")],
    "one after the last one": [post(b"one", more="connection: close\r\n") + post(b"two")],
    "one and no HTTP": [post(b"one") + b"nonsense\r\n\r\n"],
    "one that is late, and one that is not": [post(b"one")[:-1], b"e", post(b"two")],
}


@pytest.fixture
async def application() -> Application:
    return Application()


@pytest.mark.parametrize("packets", [*PLAIN.values(), *NOT_PLAIN.values(), *MIXED.values()], ids=lambda _: "")
async def test_answers_are_uvicorns_to_the_byte(packets: Sequence[bytes]) -> None:
    uvicorns, ours = Application(), Application()
    async with talking(HttpToolsProtocol, uvicorns) as talk:
        wanted = await talk.all(packets)
    async with talking(ShortWay, ours) as talk:
        assert await talk.all(packets) == wanted
    assert [scope["path"] for scope in ours.seen] == [scope["path"] for scope in uvicorns.seen]
    assert [scope["headers"] for scope in ours.seen] == [scope["headers"] for scope in uvicorns.seen]


@pytest.mark.parametrize("packets", PLAIN.values(), ids=PLAIN)
async def test_plain_requests_go_the_short_way(application: Application, packets: Sequence[bytes]) -> None:
    async with talking(ShortWay, application) as talk:
        await talk.all(packets)
    assert application.short == len(application.seen) == len(packets)


@pytest.mark.parametrize("packets", NOT_PLAIN.values(), ids=NOT_PLAIN)
async def test_no_other_request_does(application: Application, packets: Sequence[bytes]) -> None:
    async with talking(ShortWay, application) as talk:
        await talk.all(packets)
    assert application.short == 0


async def test_an_application_without_lanes_has_no_short_way(application: Application) -> None:
    application.lanes = {}
    async with talking(ShortWay, application) as talk:
        assert b"POST /lane 4 body" in await talk.all([post()])
    assert application.short == 0


async def test_a_request_that_comes_while_another_is_under_way_waits_for_it(application: Application) -> None:
    application.let.clear()
    async with talking(ShortWay, application) as talk:
        await talk.say(post(b"one"))
        await talk.say(post(b"two"))
        assert len(application.seen) == 1
        application.let.set()
        heard = await talk.all([])
    assert heard.index(b"one") < heard.index(b"two")


async def test_a_client_that_leaves_does_not_stop_its_request(application: Application) -> None:
    application.let.clear()
    async with talking(ShortWay, application) as talk:
        await talk.say(post(b"one"))
        await talk.hang_up()
        await asyncio.sleep(0.02)
        application.let.set()
        await asyncio.sleep(0.02)
        assert application.short == 1
        assert talk.served.cycle is None


async def test_a_connection_is_kept_for_a_while_and_not_closed_under_a_request(application: Application) -> None:
    async with talking(ShortWay, application, timeout_keep_alive=0.2) as talk:
        await talk.say(post(b"one"))
        application.let.clear()
        await talk.say(post(b"two"))
        await asyncio.sleep(0.4)
        application.let.set()
        heard = await talk.all([], seconds=1)
    assert heard.endswith(b"POST /lane 3 two<closed>")


async def test_a_connection_is_not_closed_under_a_head_that_comes_slowly(application: Application) -> None:
    async with talking(ShortWay, application, timeout_keep_alive=0.2) as talk:
        await talk.say(post(b"one"))
        await talk.say(post(b"two")[:20])
        await asyncio.sleep(0.4)
        heard = await talk.all([post(b"two")[20:]])
    assert b"POST /lane 3 two" in heard


async def test_a_server_that_stops_answers_first_and_says_that_it_was_the_last(application: Application) -> None:
    application.let.clear()
    async with talking(ShortWay, application) as talk:
        await talk.say(post(b"one"))
        talk.served.shutdown()
        application.let.set()
        heard = await talk.all([])
    assert b"\r\nconnection: close\r\n" in heard
    assert heard.endswith(b"POST /lane 3 one<closed>")


async def test_a_server_that_stops_closes_idle_connections(application: Application) -> None:
    async with talking(ShortWay, application) as talk:
        await talk.say(post(b"one"))
        talk.served.shutdown()
        assert (await talk.all([])).endswith(b"<closed>")


async def test_a_client_that_does_not_read_is_waited_for(application: Application) -> None:
    async with talking(ShortWay, application) as talk:
        talk.served.pause_writing()
        await talk.say(post(b"one"))
        assert await talk.all([], seconds=0.05) == b""
        talk.served.resume_writing()
        assert (await talk.all([])).endswith(b"POST /lane 3 one")


async def test_a_request_that_fails_ends_its_connection(application: Application) -> None:
    async with talking(ShortWay, application) as talk:
        assert await talk.all([post(b"fail")]) == b"<closed>"


async def test_nothing_is_left_of_a_connection(application: Application) -> None:
    async with talking(ShortWay, application) as talk:
        await talk.say(post(b"one"))
        exchange = weakref.ref(talk.served)
        gc.collect()
        gc.disable()
        await talk.hang_up()
        del talk
    await asyncio.sleep(0.02)
    application.seen.clear()
    gone = not [thing for thing in gc.get_objects() if isinstance(thing, Exchange)]
    gc.enable()
    assert gone
    assert exchange

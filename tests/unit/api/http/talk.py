"""Servers that speak HTTP with one of the protocols, and clients that write bytes and read bytes."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

LANE = "/lane"


class Application:
    """Answers any request with what it saw of it, when it is let; ``seen`` are the requests' scopes."""

    def __init__(self) -> None:
        self.lanes: dict[bytes, ASGIApp] = {LANE.encode(): self}
        self.seen: list[Scope] = []
        self.let = asyncio.Event()
        self.let.set()

    @property
    def short(self) -> int:
        """How many requests did not come through uvicorn, which tells its version in the scope."""
        return sum("asgi" not in scope for scope in self.seen)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope)
        body = await _read(receive)
        await self.let.wait()
        if b"fail" in body:
            raise LookupError(body)
        answer = b"%s %s %d %s" % (scope["method"].encode(), scope["path"].encode(), len(body), body[:40])
        length = (b"content-length", b"%d" % len(answer))
        await send({"type": "http.response.start", "status": 200, "headers": [length, (b"x-seen", b"yes")]})
        await send({"type": "http.response.body", "body": answer})


async def _read(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


class Talk:
    """One connection to a server, and the protocol at the server's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, served: HttpToolsProtocol) -> None:
        self._reader, self._writer, self.served = reader, writer, served

    async def say(self, packet: bytes) -> None:
        self._writer.write(packet)
        await self._writer.drain()
        await asyncio.sleep(0.02)  # so that the next packet is one of its own

    async def hear(self, size: int) -> bytes:
        return await self._reader.readexactly(size)

    async def all(self, packets: Iterable[bytes], seconds: float = 0.2) -> bytes:
        """Whatever comes back until the server closes, or has been quiet for so long; the end shows as ``<closed>``."""
        for packet in packets:
            await self.say(packet)
        heard = b""
        try:
            async with asyncio.timeout(seconds):
                while data := await self._reader.read(65_536):
                    heard += data
        except TimeoutError:
            return heard
        return heard + b"<closed>"

    async def hang_up(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


@asynccontextmanager
async def talking(protocol: type[HttpToolsProtocol], application: ASGIApp, **settings: Any) -> AsyncIterator[Talk]:
    config = Config(
        application, log_config=None, ws="none", lifespan="off", access_log=False, proxy_headers=False, **settings
    )
    config.load()
    state, served = ServerState(), []

    def serve() -> HttpToolsProtocol:
        served.append(protocol(config=config, server_state=state, app_state={}))
        return served[-1]

    server = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    await asyncio.sleep(0.01)
    try:
        yield Talk(reader, writer, served[0])
    finally:
        writer.close()
        server.close()
        await asyncio.sleep(0)

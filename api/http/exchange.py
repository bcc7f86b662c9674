"""One request whose body comes along with its head, and its answer."""

from typing import TYPE_CHECKING

from loguru import logger
from starlette.types import ASGIApp, Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from api.http.stride import Stride

if TYPE_CHECKING:
    from api.http.protocol import ShortWay

Headers = list[tuple[bytes, bytes]]


class Exchange:
    """Does for it what uvicorn's RequestResponseCycle does for others, and shows the protocol what it asks of one."""

    __slots__ = ("_app", "_head", "_protocol", "_scope", "body", "disconnected", "keep_alive", "response_complete")

    def __init__(self, protocol: "ShortWay", app: ASGIApp, path: str, headers: Headers, *, keep_alive: bool) -> None:
        self._protocol, self._app, self.keep_alive = protocol, app, keep_alive
        self._scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
        self.body: list[bytes] = []
        self._head = b""
        self.disconnected = self.response_complete = False

    @property
    def message_event(self) -> "Exchange":
        """What uvicorn wakes whoever waits for more of the body with; here nobody does."""
        return self

    def set(self) -> None: ...

    def run(self) -> None:
        """Must be called when the body is complete."""
        Stride(self._app(self._scope, self._receive, self._send), self._protocol.loop, self._failed)  # type: ignore[arg-type]  # starlette says Awaitable

    async def _receive(self) -> Message:
        body, self.body = self.body, []
        return {"type": "http.request", "body": b"".join(body), "more_body": False}

    async def _send(self, message: Message) -> None:
        """Two messages make an answer: its head, and the whole of its body."""
        if self._protocol.flow.write_paused and not self.disconnected:
            await self._protocol.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            self._head = self._head_of(message["status"], message["headers"])
        else:
            self._protocol.corked.write_now(self._head + message["body"])
            self._end()

    def _head_of(self, status: int, headers: Headers) -> bytes:
        parts = [STATUS_LINE[status]]
        for name, value in (*self._protocol.server_state.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        return b"".join(parts)

    def _end(self) -> None:
        self.response_complete = True
        if not self.keep_alive:
            self._protocol.transport.close()
        self._protocol.on_exchange_complete()

    def _failed(self, error: BaseException) -> None:
        logger.opt(exception=error).error("a request was not answered")
        self._protocol.transport.close()

"""uvicorn's protocol for HTTP/1.1, with a shorter way for requests to the hot paths."""

from asyncio import BaseTransport, WriteTransport
from collections.abc import Iterable, Mapping
from typing import Any, cast

from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.http.corked import Corked
from api.http.exchange import Exchange
from api.http.idle import Idle


class ShortWay(HttpToolsProtocol):
    """Takes what is plain about a request by itself, and leaves all else to uvicorn.

    Plain is a POST to one of the application's ``lanes``, with no other request of its connection under way, whose
    body comes along with its head: most do, and uvicorn's task, events and scope for each cost more than the answer.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._lanes: Mapping[bytes, ASGIApp] = getattr(self.app, "lanes", {})
        self._arriving: Exchange | None = None  # its body is not complete
        self._idle = Idle(self.loop, self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_made(self, transport: BaseTransport) -> None:
        self.corked = Corked(cast("WriteTransport", transport), self.loop)
        super().connection_made(cast("Any", self.corked))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._idle.stop()
        self.cycle = None  # type: ignore[assignment]  # it knows its protocol: they would hold each other

    def data_received(self, data: bytes) -> None:
        self._idle.end()
        super().data_received(data)
        if self._arriving:
            self._leave_to_uvicorn(self._arriving.body)

    def on_message_begin(self) -> None:
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_headers_complete(self) -> None:
        lane = self._lanes.get(self.url)
        if lane and self._is_plain():
            keep_alive = self.parser.should_keep_alive()
            self._arriving = Exchange(self, lane, self.url.decode(), self.headers, keep_alive=keep_alive)
        else:
            self._leave_to_uvicorn()

    def on_body(self, body: bytes) -> None:
        if self._arriving:
            self._arriving.body.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._arriving:
            super().on_message_complete()
            return
        self.loop.call_soon(self._arriving.run)  # when all others of this turn are read: then their records go together
        self.cycle, self._arriving = cast("Any", self._arriving), None

    def on_exchange_complete(self) -> None:
        """As ``on_response_complete``, which begins what waits, or arms a timer."""
        if self.pipeline or self.transport.is_closing():
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1
            self._idle.begin()

    def _is_plain(self) -> bool:
        return (
            self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and (self.cycle is None or self.cycle.response_complete)  # type: ignore[redundant-expr]  # it begins as None
            and not self.expect_100_continue
            and not self.parser.should_upgrade()
        )

    def _leave_to_uvicorn(self, body: Iterable[bytes] = ()) -> None:
        """Tell it all that it has missed."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        self._arriving = None
        super().on_headers_complete()
        for part in body:
            super().on_body(part)

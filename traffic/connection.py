"""A client's connection: opened by requests, and then used without what requests does anew for every request."""

from contextlib import suppress
from socket import socket
from typing import Final, NamedTuple, cast

from httptools import HttpParserError, HttpResponseParser
from requests import Request
from requests.adapters import DEFAULT_CA_BUNDLE_PATH, HTTPAdapter
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import ConnectTimeout, ReadTimeout
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError
from urllib3.util import parse_url

CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 15
"""Longer than the gateway waits for Kafka."""
_RECEIVE_BYTES: Final = 65_536


class Response(NamedTuple):
    """What was answered; ``retry_after`` as it stands in the header."""

    status: int
    content: bytes
    retry_after: str | None


class Connection(HTTPAdapter):
    """POSTs to one address, for one thread. It opens when needed, and anew when it was lost.

    No session: its cookies, redirects and hooks would cost each request and serve none.
    """

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        request = Request("POST", url, headers).prepare()
        pool = self.get_connection_with_tls_context(request, verify=DEFAULT_CA_BUNDLE_PATH)
        self._kept = cast(HTTPConnection, cast(HTTPConnectionPool, pool)._new_conn())
        self._kept.timeout = CONNECT_SECONDS
        del request.headers["Content-Length"]  # each body has its own
        lines = (f"POST {request.path_url} HTTP/1.1", f"Host: {parse_url(url).netloc}", "Accept-Encoding: identity")
        self._head = "\r\n".join((*lines, *map(": ".join, request.headers.items()))).encode("latin-1")

    def post(self, body: bytes, media_type: str) -> Response:
        """Raises requests' ConnectionError or Timeout when no whole answer came."""
        if not self._kept.is_connected:
            self._open()
        frame = f"\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        try:
            response = self._wire.exchange(self._head + frame + body)
        except (OSError, HttpParserError) as error:
            self._kept.close()
            raise (ReadTimeout if isinstance(error, TimeoutError) else NoConnection)(error) from error
        if not self._wire.lasting:
            self._kept.close()
        return response

    def close(self) -> None:
        self._kept.close()
        super().close()

    def _open(self) -> None:
        self._kept.close()
        try:
            self._kept.connect()
        except (OSError, HTTPError) as error:
            raise (ConnectTimeout if isinstance(error, ConnectTimeoutError) else NoConnection)(error) from error
        self._kept.sock.settimeout(ANSWER_SECONDS)
        self._wire = _Wire(self._kept.sock)


class _Wire:
    """An open connection. The parser calls it with what it has read."""

    def __init__(self, sock: socket) -> None:
        self._socket, self._parser = sock, HttpResponseParser(self)
        self.lasting = True
        """Whether another exchange may follow, as the last answer says."""

    def exchange(self, request: bytes) -> Response:
        """Raises OSError or HttpParserError; the connection is of no use then."""
        self._content, self._complete = b"", False
        self._retry_after: str | None = None
        with suppress(ConnectionError):  # refused unread, it may be; then the answer is there already
            self._socket.sendall(request)
        while not self._complete:
            if not (data := self._socket.recv(_RECEIVE_BYTES)):
                raise ConnectionResetError("closed before the answer was complete")
            self._parser.feed_data(data)
        return Response(self._parser.get_status_code(), self._content, self._retry_after)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._retry_after = value.decode("latin-1")

    def on_body(self, part: bytes) -> None:
        self._content += part

    def on_message_complete(self) -> None:
        self._complete, self.lasting = True, self._parser.should_keep_alive()

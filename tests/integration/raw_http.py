"""HTTP by hand, for requests no client would send."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from json import loads
from typing import Any, NamedTuple

from tests.integration.gateway import Client


class RawAnswer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    closed: bool


@contextmanager
def connection(gateway: Client) -> Iterator[socket.socket]:
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as opened:
        yield opened


def head(*lines: str) -> bytes:
    return "\r\n".join(["POST /register_event HTTP/1.1", "Host: gateway", *lines, "", ""]).encode("latin-1")


def read_answer(opened: socket.socket) -> RawAnswer:
    """One answer with a Content-Length; ``closed`` when nothing can follow it."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += (part := opened.recv(65_536))
        assert part, f"closed without an answer: {received!r}"
    raw_head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = raw_head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 1 << 30)):
        part = opened.recv(65_536)
        if not part:
            break
        body += part
    return RawAnswer(int(first.split()[1]), headers, body, headers.get("connection", "").lower() == "close")


def raw_problem(answer: RawAnswer, status: int, kind: str) -> Any:
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    document = loads(answer.body)
    assert document["type"].endswith(f":{kind}")
    return document


def still_usable(opened: socket.socket) -> None:
    """The connection takes another request, and that is answered for what it is."""
    opened.sendall(head("Content-Type: text/plain", "Content-Length: 2") + b"{}")
    raw_problem(read_answer(opened), 415, "media_type")

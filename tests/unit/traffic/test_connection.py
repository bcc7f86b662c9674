"""The connection, against a peer that says exactly what a test has it say."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Thread

import pytest
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import InvalidHeader, ReadTimeout

import traffic.connection
from tests.waiting import until
from traffic.connection import Connection, Response

CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"
LAST = CREATED.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


class Peer:
    """Gives each connection the answers of its script, then hangs up; ``requests`` has them as they came."""

    def __init__(self, server: socket.socket, scripts: tuple[list[bytes], ...]) -> None:
        self.url = f"http://127.0.0.1:{server.getsockname()[1]}/register_event"
        self.requests: list[bytes] = []
        self.closed = 0
        self._server, self._scripts = server, scripts

    def serve(self) -> None:
        for script in self._scripts:
            opened, _ = self._server.accept()
            with opened:
                for answer in script:
                    self.requests.append(_read(opened))
                    for part in answer.splitlines(keepends=True):  # in as many pieces
                        opened.sendall(part)
            self.closed += 1


def _read(opened: socket.socket) -> bytes:
    request = b""
    while not request.endswith(b"{}"):
        part = opened.recv(65_536)
        assert part, request
        request += part
    return request


@contextmanager
def peer(*scripts: list[bytes]) -> Iterator[Peer]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = Peer(server, scripts)
        thread = Thread(target=peer.serve, daemon=True)
        thread.start()
        yield peer
        thread.join(10)
        assert not thread.is_alive(), "fewer connections or requests than in the script"


@contextmanager
def opened(*scripts: list[bytes], **headers: str) -> Iterator[tuple[Peer, Connection]]:
    with peer(*scripts) as gateway, closing(Connection(gateway.url, headers)) as connection:
        yield gateway, connection


def post(connection: Connection) -> Response:
    return connection.post(b"{}", "application/json")


def test_a_request_has_its_body_and_the_headers_of_all() -> None:
    with opened([CREATED], **{"X-API-Key": "s3cret"}) as (gateway, connection):
        assert post(connection) == Response(201, b"{}", None)
    head, _, body = gateway.requests[0].partition(b"\r\n\r\n")
    first, *headers = head.decode().split("\r\n")
    assert (first, body) == ("POST /register_event HTTP/1.1", b"{}")
    assert sorted(headers) == [
        "Accept-Encoding: identity",
        "Content-Length: 2",
        "Content-Type: application/json",
        f"Host: {gateway.url.split('/')[2]}",
        "X-API-Key: s3cret",
    ]


def test_a_name_and_password_in_the_address_are_sent_as_such() -> None:
    with peer([CREATED]) as gateway, closing(Connection(gateway.url.replace("//", "//ann:secret@"), {})) as connection:
        post(connection)
    assert b"\r\nAuthorization: Basic YW5uOnNlY3JldA==\r\n" in gateway.requests[0]
    assert b"secret" not in gateway.requests[0]


def test_a_header_cannot_smuggle_in_another() -> None:
    with pytest.raises(InvalidHeader):
        Connection("http://127.0.0.1/register_event", {"X-API-Key": "a\r\nHost: other"})


def test_many_requests_share_one_connection() -> None:
    with opened([CREATED] * 20) as (gateway, connection):
        assert [post(connection).status for _ in range(20)] == [201] * 20
    assert len(gateway.requests) == 20


def test_a_connection_whose_end_was_announced_is_not_used_again() -> None:
    with opened([LAST], [CREATED]) as (gateway, connection):
        assert [post(connection).status for _ in range(2)] == [201] * 2
    assert gateway.closed == 2


def test_a_connection_that_was_closed_meanwhile_is_opened_anew() -> None:
    with opened([CREATED], [CREATED]) as (gateway, connection):
        post(connection)
        until(lambda: gateway.closed == 1, within=10)
        assert post(connection).status == 201


def test_an_answer_in_chunks_is_read_whole() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with opened([chunked, CREATED]) as (_, connection):
        assert post(connection) == Response(200, b"abcde", None)
        assert post(connection) == Response(201, b"{}", None)


def test_a_wish_to_wait_is_of_its_own_answer_only() -> None:
    busy = b"HTTP/1.1 503 Busy\r\nretry-after: 7\r\nContent-Length: 0\r\n\r\n"
    with opened([busy, CREATED]) as (_, connection):
        assert [post(connection).retry_after for _ in range(2)] == ["7", None]


@pytest.mark.parametrize("answer", [b"", CREATED[:-1], CREATED[:20], b"what?\r\n"])
def test_less_than_an_answer_is_none_and_the_next_one_is_read_afresh(answer: bytes) -> None:
    with opened([answer], [CREATED]) as (_, connection):
        with pytest.raises(NoConnection):
            post(connection)
        assert post(connection) == Response(201, b"{}", None)


def test_silence_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic.connection, "ANSWER_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = Peer(silent, ()).url
        with closing(Connection(url, {})) as connection, pytest.raises(ReadTimeout):
            post(connection)


def test_a_refusal_before_the_body_was_read_is_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=_refuse, args=(server,), daemon=True)
        thread.start()
        with closing(Connection(Peer(server, ()).url, {})) as connection:
            assert connection.post(b" " * 20_000_000, "application/json").status == 413
        thread.join(10)


def _refuse(server: socket.socket) -> None:
    opened, _ = server.accept()
    with opened:
        opened.recv(100)
        opened.sendall(LAST.replace(b"201 Created", b"413 Too large"))

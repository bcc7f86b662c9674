"""Broken requests: each gets an answer, and leaves a connection that is usable or closed."""

import pytest

from tests.integration.gateway import EVENT, MOST_BYTES, ON_BOTH_CLIENTS, Client
from tests.integration.raw_http import connection, head, raw_problem, read_answer, still_usable
from tests.integration.series import Series
from tests.waiting import until

pytestmark = [ON_BOTH_CLIENTS, pytest.mark.usefixtures("nothing_reaches_kafka")]


def test_without_a_length_there_is_no_body_and_so_no_json(gateway: Client) -> None:
    with connection(gateway) as opened:
        opened.sendall(head("Content-Type: application/json"))
        raw_problem(read_answer(opened), 400, "malformed")
        still_usable(opened)


def test_a_length_that_is_too_short_spoils_the_event(gateway: Client) -> None:
    with connection(gateway) as opened:
        opened.sendall(head("Content-Type: application/json", "Content-Length: 10") + EVENT[:10])
        raw_problem(read_answer(opened), 400, "malformed")
        still_usable(opened)


def test_a_length_that_is_too_long_is_waited_for_and_a_client_that_leaves_is_counted(gateway: Client) -> None:
    before = Series(gateway.metrics_url).value("pipeline_events_rejected_total", reason="malformed")
    with connection(gateway) as opened:
        opened.sendall(head("Content-Type: application/json", "Content-Length: 1000") + EVENT)
    until(
        lambda: Series(gateway.metrics_url).value("pipeline_events_rejected_total", reason="malformed") > before,
        within=30,
    )


@pytest.mark.parametrize("length", ["-1", "ten", "1e2", "0x10", "9" * 30, "9" * 5_000, "1, 2", "+5"])
def test_a_length_that_is_none_closes_the_connection(gateway: Client, length: str) -> None:
    with connection(gateway) as opened:
        opened.sendall(head("Content-Type: application/json", f"Content-Length: {length}") + EVENT)
        answer = read_answer(opened)
        assert answer.status == 400
        assert opened.recv(1) == b""


def test_a_length_and_chunks_at_once_are_refused(gateway: Client) -> None:
    with connection(gateway) as opened:
        opened.sendall(
            head("Content-Type: application/json", "Content-Length: 5", "Transfer-Encoding: chunked")
            + b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n"
        )
        assert read_answer(opened).status == 400
        assert opened.recv(1) == b""


@pytest.mark.parametrize("size", ["zz", "-5", "FFFFFFFFFFFFFFFFFF"])
def test_a_chunk_of_no_size_is_refused(gateway: Client, size: str) -> None:
    with connection(gateway) as opened:
        opened.sendall(
            head("Content-Type: application/json", "Transfer-Encoding: chunked") + f"{size}\r\n{{}}".encode()
        )
        assert read_answer(opened).status == 400
        assert opened.recv(1) == b""


def test_after_an_announced_body_that_is_too_large_the_connection_is_usable(gateway: Client) -> None:
    with connection(gateway) as opened:
        opened.sendall(head("Content-Type: application/json", f"Content-Length: {MOST_BYTES + 1}"))
        raw_problem(read_answer(opened), 413, "too_large")  # before any of it was sent
        opened.sendall(b" " * (MOST_BYTES + 1))
        still_usable(opened)


def test_after_chunks_that_are_too_many_the_connection_is_usable(gateway: Client) -> None:
    with connection(gateway) as opened:
        opened.sendall(head("Content-Type: application/json", "Transfer-Encoding: chunked"))
        for _ in range(5):
            opened.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        raw_problem(read_answer(opened), 413, "too_large")
        opened.sendall(b"0\r\n\r\n")
        still_usable(opened)


def test_after_any_refusal_the_connection_is_usable(gateway: Client) -> None:
    with connection(gateway) as opened:
        for _ in range(3):
            opened.sendall(head("Content-Type: application/json", "Content-Length: 4") + b"null")
            raw_problem(read_answer(opened), 422, "validation")


def test_a_client_that_expects_to_be_told_to_continue_is_told(gateway: Client) -> None:
    with connection(gateway) as opened:
        opened.sendall(head("Content-Type: application/json", "Content-Length: 4", "Expect: 100-continue"))
        assert opened.recv(25).startswith(b"HTTP/1.1 100 ")
        opened.sendall(b"null")
        raw_problem(read_answer(opened), 422, "validation")


def test_what_is_no_http_closes_the_connection(gateway: Client) -> None:
    with connection(gateway) as opened:
        opened.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert read_answer(opened).status == 400
        assert opened.recv(1) == b""

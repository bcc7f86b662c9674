"""Whatever comes over HTTP, the answer is a 4xx with a problem, nothing reaches Kafka, and the next request works."""

import gzip
from json import dumps, loads

import pytest

from tests.integration.gateway import EVENT, JSON, MOST_BATCH_BYTES, MOST_BYTES, NDJSON, Client, chunks, problem

pytestmark = pytest.mark.usefixtures("nothing_reaches_kafka")


def having(value: str | bytes) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return b'{"event_type":"page.viewed","user_id":"user-42","properties":{"a":%s}}' % value


MALFORMED = {
    "empty": b"",
    "blanks": b" \n ",
    "cut off": EVENT[:-1],
    "trailing bytes": EVENT + b"x",
    "two": EVENT + EVENT,
    "byte order mark": b"\xef\xbb\xbf" + EVENT,
    "utf-16": EVENT.decode().encode("utf-16"),
    "utf-32": EVENT.decode().encode("utf-32"),
    "invalid utf-8": having(b'"\xff"'),
    "overlong utf-8": having(b'"\xc0\xaf"'),
    "surrogate in utf-8": having(b'"\xed\xa0\x80"'),
    "lone surrogate": having('"\\ud800"'),
    "lone trailing surrogate": having('"\\udfff"'),
    "raw nul": having(b'"\x00"'),
    "raw escape": having(b'"\x1b[31m"'),
    "5,000 digits": having("1" * 5_000),
    "depth 100,000": having("[" * 100_000),
    "form": b"event_type=page.viewed&user_id=user-42",
    "xml": b"<event/>",
    "garbage": bytes(range(256)) * 100,
}
INVALID = {
    "NaN": having("NaN"),
    "Infinity": having("Infinity"),
    "-Infinity": having("-Infinity"),
    "1e400": having("1e400"),
    "nul": having('"\\u0000"'),
    "nul in a name": having('{"\\u0000":1}'),
    "array": b"[]",
    "array of one": b"[" + EVENT + b"]",
    "null": b"null",
    "number": b"17",
    "text": b'"event"',
    "object": b"{}",
    "unknown field": EVENT[:-1] + b',"sauce":1}',
    "wrong type": b'{"event_type":"Page viewed","user_id":"u"}',
    "number for a text": b'{"event_type":"a","user_id":42}',
    "long user": dumps({"event_type": "a", "user_id": "u" * 129}).encode(),
    "time without offset": EVENT[:-1] + b',"occurred_at":"2026-01-01T12:00:00"}',
    "time as a number": EVENT[:-1] + b',"occurred_at":1767261600}',
    "id that is none": EVENT[:-1] + b',"event_id":"17"}',
    "received_at": EVENT[:-1] + b',"received_at":"2026-01-01T12:00:00Z"}',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_json_is_malformed(gateway: Client, body: bytes) -> None:
    problem(gateway.post("/register_event", data=body, headers=JSON), 400, "malformed")
    problem(gateway.post("/register_events", data=body, headers=JSON), 400, "malformed")


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID)
def test_json_that_is_no_event_is_invalid(gateway: Client, body: bytes) -> None:
    refused = problem(gateway.post("/register_event", data=body, headers=JSON), 422, "validation")
    assert refused["errors"]
    for batch, headers in ((b"[" + body + b"]", JSON), (body + b"\n", NDJSON)):
        (result,) = gateway.post("/register_events", data=batch, headers=headers).json()["results"]
        assert result["status"] == "rejected"
        assert result["problem"]["errors"] == refused["errors"]


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json; charset=latin-1", "application/xml"])
@pytest.mark.parametrize("path", ["/register_event", "/register_events"])
def test_other_media_types_are_refused(gateway: Client, path: str, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    problem(gateway.post(path, data=EVENT, headers=headers), 415, "media_type")


def test_a_gzip_bomb_is_refused_unopened(gateway: Client) -> None:
    bomb = gzip.compress(b" " * 100_000_000)
    problem(gateway.post("/register_event", data=bomb, headers={**JSON, "Content-Encoding": "gzip"}), 415, "media_type")


def test_a_body_over_the_limit_is_refused(gateway: Client) -> None:
    problem(gateway.post("/register_event", data=EVENT.ljust(MOST_BYTES + 1), headers=JSON), 413, "too_large")
    body = (b"[" + EVENT).ljust(MOST_BATCH_BYTES) + b"]"
    problem(gateway.post("/register_events", data=body, headers=JSON), 413, "too_large")


def test_chunks_over_the_limit_are_refused(gateway: Client) -> None:
    problem(gateway.post("/register_event", data=chunks(EVENT.ljust(MOST_BYTES + 1)), headers=JSON), 413, "too_large")


def test_millions_of_things_that_are_no_events_are_refused_at_once(gateway: Client) -> None:
    for body, headers in ((b"[" + b"1," * 4_000_000 + b"1]", JSON), (b"1\n" * 4_000_000, NDJSON)):
        problem(gateway.post("/register_events", data=body, headers=headers), 413, "too_large")


def test_more_faults_than_anybody_reads_are_counted_not_listed(gateway: Client) -> None:
    body = EVENT[:-1] + b"".join(b',"%d":1' % number for number in range(10_000)) + b"}"
    refused = gateway.post("/register_event", data=body, headers=JSON)
    (fault,) = problem(refused, 422, "validation")["errors"]
    assert fault["message"] == f"Object has {10_000 + len(loads(EVENT))} fields, most of them unknown"
    assert len(refused.content) < 1_000


ROUTES = [
    ("GET", "/", 404, "not_found"),
    ("POST", "/nowhere", 404, "not_found"),
    ("POST", "/register_event/", 404, "not_found"),
    ("GET", "/register_event", 405, "method_not_allowed"),
    ("DELETE", "/register_events", 405, "method_not_allowed"),
    ("PUT", "/healthz", 405, "method_not_allowed"),
    ("POST", "/metrics", 405, "method_not_allowed"),
    ("POST", "/docs", 405, "method_not_allowed"),
    ("GET", "/events/17", 422, "validation"),
    ("GET", "/events/%00", 422, "validation"),
]


@pytest.mark.parametrize(("method", "path", "status", "kind"), ROUTES)
def test_the_errors_of_all_routes_are_problems(gateway: Client, method: str, path: str, status: int, kind: str) -> None:
    answer = gateway.request(method, path)
    problem(answer, status, kind)
    assert ("allow" in answer.headers) == (status == 405)

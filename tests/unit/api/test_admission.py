"""What is let in, and what is refused before anybody looks at an event."""

from pathlib import Path

import pytest

from api.metrics import ApiMetrics
from tests.unit.api.asgi import BODY_BYTES, EVENT, JSON, Gateway, call, problem
from tests.unit.api.pretended import PretendedKafka

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        'application/json; charset="UTF-8"',
        "application/json; charset=utf8; v=1",
        "application/json; v=1; charset=utf-8",
        "application/json; v=1",
        "application/json ;",
    ],
)
async def test_json_in_utf_8_is_let_in(gateway: Gateway, content_type: str) -> None:
    assert (await gateway.post(headers={"content-type": content_type})).status == 201


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/x-ndjson",
        "application/json; charset=utf-16",
        "application/json; v=1; charset=latin-1",
        "application/json, text/plain",
        "*/*",
        "",
        "é",
    ],
)
async def test_other_media_types_are_refused(gateway: Gateway, content_type: str) -> None:
    problem(await gateway.post(headers={"content-type": content_type}), 415, "media_type")


async def test_a_missing_media_type_is_refused(gateway: Gateway) -> None:
    assert (
        "Content-Type must be application/json" in problem(await gateway.post(headers={}), 415, "media_type")["detail"]
    )


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "identity, gzip", "GZIP"])
async def test_encoded_bodies_are_refused_unread(gateway: Gateway, encoding: str) -> None:
    reply = await call(gateway.single, [], JSON | {"content-encoding": encoding}, hangs=True)
    assert encoding.lower() in problem(reply, 415, "media_type")["detail"]


async def test_the_identity_encoding_is_let_in(gateway: Gateway) -> None:
    assert (await gateway.post(**{"content-encoding": "Identity"})).status == 201


async def test_a_body_of_exactly_the_limit_is_read(gateway: Gateway) -> None:
    assert (await gateway.post(EVENT.ljust(BODY_BYTES))).status == 201


async def test_a_byte_more_than_the_limit_is_too_much(gateway: Gateway) -> None:
    problem(await gateway.post(EVENT.ljust(BODY_BYTES + 1)), 413, "too_large")


async def test_a_body_in_chunks_is_read_up_to_the_limit(gateway: Gateway) -> None:
    body = EVENT.ljust(BODY_BYTES)
    reply = await call(gateway.single, [body[at : at + 100] for at in range(0, BODY_BYTES, 100)], JSON)
    assert reply.status == 201


async def test_chunks_beyond_the_limit_are_not_waited_for(gateway: Gateway) -> None:
    reply = await call(gateway.single, [b" " * BODY_BYTES, b" "], JSON, hangs=True)
    problem(reply, 413, "too_large")


async def test_a_body_announced_beyond_the_limit_is_refused_unread(gateway: Gateway) -> None:
    reply = await call(gateway.single, [], JSON | {"content-length": str(BODY_BYTES + 1)}, hangs=True)
    problem(reply, 413, "too_large")


@pytest.mark.parametrize("chunks", [[], [EVENT[:10]], [b""]])
async def test_a_client_that_leaves_within_its_body_is_counted(gateway: Gateway, chunks: list[bytes]) -> None:
    problem(await call(gateway.single, chunks, JSON, leaves=True), 400, "malformed")
    assert gateway.books == (1, 0, 1)


async def test_a_body_that_never_ends_is_given_up(tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics) -> None:
    async with Gateway(tmp_path / "spool.db", kafka, metrics, body_timeout_seconds=0.05) as gateway:
        reply = await call(gateway.single, [EVENT[:10]], JSON, hangs=True)
    problem(reply, 408, "timeout")
    assert reply.headers["connection"] == "close"
    assert kafka.sent == []


async def test_keys_are_asked_for_once_there_are_some(
    tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics
) -> None:
    kafka.acknowledges = True
    async with Gateway(tmp_path / "spool.db", kafka, metrics, keys=["first-key", "schlüssel"]) as gateway:
        for wrong in ({}, {"x-api-key": ""}, {"x-api-key": "first-ke"}, {"x-api-key": "first-key,schlüssel"}):
            reply = await gateway.post(**wrong)
            problem(reply, 401, "unauthorized")
            assert reply.headers["www-authenticate"]
        assert kafka.sent == []
        for right in ("first-key", "schlüssel"):
            assert (await gateway.post(**{"x-api-key": right})).status == 201
        assert gateway.rejected("unauthorized") == 4


async def test_a_refusal_never_tells_the_keys(tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics) -> None:
    async with Gateway(tmp_path / "spool.db", kafka, metrics, keys=["first-key"]) as gateway:
        assert b"first-key" not in (await gateway.post()).body


async def test_without_keys_any_will_do(gateway: Gateway) -> None:
    assert (await gateway.post(**{"x-api-key": "whatever"})).status == 201


async def test_each_key_has_a_rate_of_its_own(tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics) -> None:
    kafka.acknowledges = True
    async with Gateway(tmp_path / "spool.db", kafka, metrics, keys=["a", "b"], rate=2) as gateway:
        assert [(await gateway.post(**{"x-api-key": "a"})).status for _ in range(3)] == [201, 201, 429]
        assert (await gateway.post(**{"x-api-key": "b"})).status == 201
        limited = await gateway.post(**{"x-api-key": "a"})
        problem(limited, 429, "rate_limited")
        assert limited.headers["retry-after"] == "1"


async def test_the_clients_request_id_comes_back(gateway: Gateway) -> None:
    assert (await gateway.post(**{"x-request-id": "my-id/1"})).headers["x-request-id"] == "my-id/1"
    assert ("request_id", b"my-id/1") in gateway.kafka.sent[0].headers


@pytest.mark.parametrize("bad", ["", "a b", "a" * 129, "é", "a\tb"])
async def test_a_request_id_that_could_do_harm_is_replaced(gateway: Gateway, bad: str) -> None:
    assert (await gateway.post(**{"x-request-id": bad})).headers["x-request-id"] not in ("", bad)


async def test_requests_without_an_id_get_different_ones(gateway: Gateway) -> None:
    assert len({(await gateway.post()).headers["x-request-id"] for _ in range(5)}) == 5


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_a_trace_goes_on_with_the_record(gateway: Gateway) -> None:
    await gateway.post(traceparent=TRACE)
    assert ("traceparent", TRACE.encode()) in gateway.kafka.sent[0].headers


@pytest.mark.parametrize("bad", ["", TRACE.upper(), TRACE + "-x", TRACE[:-1], "00-0-0-0", "x" * 500])
async def test_a_trace_that_cannot_be_read_is_dropped(gateway: Gateway, bad: str) -> None:
    assert (await gateway.post(traceparent=bad)).status == 201
    assert [name for name, _ in gateway.kafka.sent[0].headers] == ["schema_version", "request_id"]

"""Lines about events in the gateway's own log, for those who ask for them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from api.metrics import ApiMetrics
from tests.unit.api.asgi import EVENT, Gateway
from tests.unit.api.pretended import PretendedKafka

pytestmark = pytest.mark.anyio
BAD = b'{"event_type":"Page viewed","user_id":"user-42"}'
ID = {"x-request-id": "r-1"}


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """Message and bound members of every line, as they are written."""
    told: list[dict[str, Any]] = []
    handler = logger.add(lambda line: told.append({"message": line.record["message"], **line.record["extra"]}))
    yield told
    logger.remove(handler)


def about(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines about a request or an event, without what they say in words."""
    return [
        {k: v for k, v in line.items() if k not in ("message", "service")} for line in lines if "request_id" in line
    ]


def journal(spool: Path, kafka: PretendedKafka, metrics: ApiMetrics, *, acknowledges: bool = True) -> Gateway:
    kafka.acknowledges = acknowledges
    return Gateway(spool, kafka, metrics, log_events=True)


async def test_an_event_is_told_under_its_ids_with_its_place(
    tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics, lines: list[dict[str, Any]]
) -> None:
    async with journal(tmp_path / "spool.db", kafka, metrics) as gateway:
        reply = await gateway.post(headers={"content-type": "application/json", **ID})
    assert about(lines) == [{"request_id": "r-1", "event_id": reply.json["event_id"], "partition": 0, "offset": 0}]


async def test_each_event_of_a_batch_has_its_line(
    tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics, lines: list[dict[str, Any]]
) -> None:
    async with journal(tmp_path / "spool.db", kafka, metrics) as gateway:
        body = b"[" + b",".join((EVENT, BAD, EVENT)) + b"]"
        reply = await gateway.post_batch(body, {"content-type": "application/json", **ID})
    first, bad, last = reply.json["results"]
    assert bad["status"] == "rejected"
    assert about(lines) == [
        {"request_id": "r-1", "event_id": first["event_id"], "partition": 0, "offset": 0},
        {"request_id": "r-1", "index": 1, "status": 422, "reason": "validation"},
        {"request_id": "r-1", "event_id": last["event_id"], "partition": 0, "offset": 1},
    ]


async def test_an_event_in_the_spool_is_told_to_be_there(
    tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics, lines: list[dict[str, Any]]
) -> None:
    kafka.ready = False
    async with journal(tmp_path / "spool.db", kafka, metrics, acknowledges=False) as gateway:
        reply = await gateway.post(headers={"content-type": "application/json", **ID})
    assert reply.status == 202
    assert about(lines) == [{"request_id": "r-1", "event_id": reply.json["event_id"]}]
    assert "event spooled" in [line["message"] for line in lines]


async def test_a_refused_request_is_told_under_the_id_of_its_answer(
    tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics, lines: list[dict[str, Any]]
) -> None:
    async with journal(tmp_path / "spool.db", kafka, metrics) as gateway:
        reply = await gateway.post(b"{")
    assert about(lines) == [{"request_id": reply.headers["x-request-id"], "status": 400, "reason": "malformed"}]


async def test_nobody_who_did_not_ask_is_told(gateway: Gateway, lines: list[dict[str, Any]]) -> None:
    await gateway.post()
    await gateway.post(b"{")
    await gateway.post_batch(b"[" + EVENT + b"," + BAD + b"]")
    assert about(lines) == []


async def test_a_bug_is_told_under_its_request_to_everybody(gateway: Gateway, lines: list[dict[str, Any]]) -> None:
    gateway.kafka.refuses = ZeroDivisionError()
    reply = await gateway.post()
    assert reply.status == 500
    assert about(lines) == [{"request_id": reply.headers["x-request-id"]}]

"""What the two hot endpoints answer."""

from pathlib import Path
from uuid import UUID

import pytest

from api import errors
from api.errors import GatewayError
from api.metrics import ApiMetrics, ProducerError
from api.publisher import DeliveryFailed
from tests.unit.api.asgi import BATCH_BYTES, BATCH_EVENTS, EVENT, NDJSON, Gateway, problem
from tests.unit.api.pretended import PretendedKafka, sample

pytestmark = pytest.mark.anyio
BAD = b'{"event_type":"Page viewed","user_id":"user-42"}'


def array(*events: bytes) -> bytes:
    return b"[" + b",".join(events) + b"]"


def all_errors(base: type[GatewayError] = GatewayError) -> list[type[GatewayError]]:
    return [error for kind in base.__subclasses__() for error in (kind, *all_errors(kind))]


async def test_an_acknowledged_event_is_created_and_placed(gateway: Gateway) -> None:
    reply = await gateway.post()
    assert reply.status == 201
    assert reply.headers["content-type"] == "application/json"
    event_id = reply.json["event_id"]
    assert UUID(event_id).version == 7
    assert reply.json == {
        "event_id": event_id, "status": "published", "topic": "events", "partition": 0, "offset": 0,
    }  # fmt: skip
    assert gateway.kafka.event_ids == [event_id]
    assert gateway.recent.place(UUID(event_id)).status == "published"


async def test_the_senders_own_id_is_kept(gateway: Gateway) -> None:
    event_id = "0190a6f2-7c3a-7b1e-8f2a-0123456789ab"
    body = b'{"event_type":"a","user_id":"u","event_id":"%s"}' % event_id.upper().encode()
    assert (await gateway.post(body)).json["event_id"] == event_id


async def test_an_event_on_disk_is_accepted_without_a_place(
    tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics
) -> None:
    kafka.ready = False
    async with Gateway(tmp_path / "spool.db", kafka, metrics) as gateway:
        reply = await gateway.post()
        assert reply.status == 202
        assert reply.json == {"event_id": reply.json["event_id"], "status": "spooled"}
        assert gateway.recent.place(UUID(reply.json["event_id"])).status == "spooled"
        assert sample(metrics.registry, "pipeline_events_accepted_total", outcome="spooled") == 1


async def test_malformed_json_is_400_and_an_invalid_event_422(gateway: Gateway) -> None:
    problem(await gateway.post(b"{"), 400, "malformed")
    refused = problem(await gateway.post(BAD), 422, "validation")
    assert [fault["pointer"] for fault in refused["errors"]] == ["/event_type"]
    assert gateway.kafka.sent == []


async def test_pointers_are_escaped_as_rfc_6901_says(gateway: Gateway) -> None:
    body = b'{"event_type":"a","user_id":"u","properties":{"a/b":{"c~d":[1,NaN]}}}'
    refused = problem(await gateway.post(body), 422, "validation")
    assert [fault["pointer"] for fault in refused["errors"]] == ["/properties/a~1b/c~0d/1"]


async def test_too_many_fields_are_only_counted(gateway: Gateway) -> None:
    body = b'{"event_type":"a","user_id":"u",%s}' % b",".join(b'"%d":1' % name for name in range(101))
    refused = problem(await gateway.post(body), 422, "validation")
    (fault,) = refused["errors"]
    assert "103" in fault["message"]


async def test_a_bug_is_500_and_keeps_its_secrets(gateway: Gateway) -> None:
    gateway.kafka.refuses = RuntimeError("password=hunter2")
    reply = await gateway.post()
    problem(reply, 500, "internal")
    assert b"hunter2" not in reply.body
    assert gateway.rejected("internal") == 1


async def test_a_record_kafka_will_never_take_is_413(gateway: Gateway) -> None:
    gateway.kafka.refuses = DeliveryFailed(ProducerError.TOO_LARGE, "the record has 2 MB")
    problem(await gateway.post(), 413, "too_large")


async def test_a_batch_is_answered_event_by_event_in_order(gateway: Gateway) -> None:
    reply = await gateway.post_batch(array(EVENT, BAD, EVENT, b"null", EVENT))
    assert reply.status == 200
    results = reply.json["results"]
    assert [(result["index"], result["status"]) for result in results] == [
        (0, "published"), (1, "rejected"), (2, "published"), (3, "rejected"), (4, "published"),
    ]  # fmt: skip
    assert [result.get("offset") for result in results] == [0, None, 1, None, 2]
    assert results[1]["problem"]["status"] == 422
    assert results[1]["problem"]["errors"][0]["pointer"] == "/event_type"
    assert "request_id" not in results[1]["problem"]
    assert gateway.kafka.event_ids == [result["event_id"] for result in results if "event_id" in result]
    assert gateway.books == (5, 3, 2)


async def test_lines_are_events_and_blank_ones_nothing(gateway: Gateway) -> None:
    reply = await gateway.post_batch(b"\n" + EVENT + b"\r\n  \n{\n" + BAD + b"\n\xff\n" + EVENT, NDJSON)
    statuses = [result.get("problem", result)["status"] for result in reply.json["results"]]
    assert statuses == ["published", 400, 422, 400, "published"]
    assert gateway.books == (5, 2, 3)


async def test_a_good_neighbour_is_not_changed_by_a_bad_one(gateway: Gateway) -> None:
    event = (
        b'{"event_type":"a","user_id":"u","properties":{"a":1.0,"b":-0.0,"c":9007199254740993,"d":1e22,"e":"\\u00e9"}}'
    )
    await gateway.post(event)
    await gateway.post_batch(array(event))
    await gateway.post_batch(array(event, BAD))
    properties = {record.value.split(b'"properties":')[1].split(b',"received_at"')[0] for record in gateway.kafka.sent}
    assert properties == {b'{"a":1.0,"b":-0.0,"c":9007199254740993,"d":1e22,"e":"\xc3\xa9"}'}


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e400"])
async def test_a_number_no_double_can_hold_spoils_its_own_event_only(gateway: Gateway, number: bytes) -> None:
    bad = b'{"event_type":"a","user_id":"u","properties":{"a":%s}}' % number
    for neighbours in ((EVENT, bad), (EVENT, bad, BAD)):
        results = (await gateway.post_batch(array(*neighbours))).json["results"]
        assert [result["status"] for result in results] == ["published"] + ["rejected"] * (len(neighbours) - 1)


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"1", EVENT, b"[" + EVENT, array(EVENT) + b"x", b'["\\ud800"]'])
async def test_what_is_no_array_is_refused_whole(gateway: Gateway, body: bytes) -> None:
    problem(await gateway.post_batch(body), 400, "malformed")
    assert gateway.kafka.sent == []


async def test_an_empty_batch_has_no_results(gateway: Gateway) -> None:
    assert (await gateway.post_batch(b"[]")).json == {"results": []}
    assert (await gateway.post_batch(b"", NDJSON)).json == {"results": []}
    assert gateway.books == (0, 0, 0)


async def test_a_batch_may_have_so_many_events_and_no_more(gateway: Gateway) -> None:
    full, over = [EVENT] * BATCH_EVENTS, [EVENT] * (BATCH_EVENTS + 1)
    assert len((await gateway.post_batch(array(*full))).json["results"]) == BATCH_EVENTS
    assert len((await gateway.post_batch(b"\n".join(full), NDJSON)).json["results"]) == BATCH_EVENTS
    gateway.kafka.sent.clear()
    problem(await gateway.post_batch(array(*over)), 413, "too_large")
    problem(await gateway.post_batch(array(BAD, *over)), 413, "too_large")
    problem(await gateway.post_batch(b"\n".join(over), NDJSON), 413, "too_large")
    problem(await gateway.post_batch(b"[" + b"1," * (BATCH_BYTES // 2 - 2) + b"1]"), 413, "too_large")
    assert gateway.kafka.sent == []


async def test_a_batch_nobody_took_is_503_as_a_whole(gateway: Gateway) -> None:
    gateway.kafka.refuses = errors.Overloaded("Too many.", retry_after=7)
    reply = await gateway.post_batch(array(EVENT, EVENT, EVENT))
    problem(reply, 503, "overload")
    assert reply.headers["retry-after"] == "7"
    assert gateway.books == (3, 0, 3)


async def test_a_batch_of_which_something_was_refused_for_good_is_answered_one_by_one(gateway: Gateway) -> None:
    gateway.kafka.refuses = errors.Overloaded("Too many.", retry_after=7)
    results = (await gateway.post_batch(array(EVENT, BAD))).json["results"]
    assert [result["problem"]["status"] for result in results] == [503, 422]


async def test_a_rate_counts_the_events_of_a_batch(tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics) -> None:
    kafka.acknowledges = True
    async with Gateway(tmp_path / "spool.db", kafka, metrics, rate=3) as gateway:
        assert (await gateway.post_batch(array(EVENT, EVENT))).status == 200
        problem(await gateway.post_batch(array(EVENT, EVENT)), 429, "rate_limited")
        assert (await gateway.post_batch(array(EVENT))).status == 200
        assert gateway.books == (4, 3, 1)


async def test_the_books_balance_whatever_comes(gateway: Gateway) -> None:
    for body in (EVENT, BAD, b"{", b"", EVENT.ljust(5_000)):
        await gateway.post(body)
        await gateway.post(body, {"content-type": "text/plain"})
        await gateway.post_batch(array(body, EVENT))
    received, accepted, rejected = gateway.books
    assert received == accepted + rejected
    assert accepted == len(gateway.kafka.sent) > 0


@pytest.mark.parametrize("error", all_errors(), ids=lambda error: error.__name__)
async def test_every_refusal_has_a_series_and_a_text(gateway: Gateway, error: type[GatewayError]) -> None:
    gateway.kafka.refuses = error("Tell me more.", retry_after=3)
    reply = await gateway.post()
    assert problem(reply, error.status, error.reason)["title"] == error.title
    requests = sample(
        gateway.metrics.registry,
        "http_requests_total", method="POST", handler="/register_event", status=str(error.status),
    )  # fmt: skip
    assert requests == 1
    assert gateway.rejected(error.reason) == 1


async def test_requests_under_way_are_counted_until_they_end(gateway: Gateway) -> None:
    await gateway.post(b"{")
    assert sample(gateway.metrics.registry, "http_requests_inprogress", handler="/register_event") == 0
    duration = "http_request_duration_seconds_count"
    assert sample(gateway.metrics.registry, duration, method="POST", handler="/register_event") == 1

"""A refused request is gone when it is answered: in a cycle, it and its body would wait for the garbage collector."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.errors import GatewayError
from api.metrics import ApiMetrics
from tests.unit.api.asgi import EVENT, JSON, NDJSON, Gateway
from tests.unit.api.pretended import PretendedKafka

pytestmark = pytest.mark.anyio
BAD = b'{"event_type":"Page viewed","user_id":"user-42"}'


Left = Callable[[], list[GatewayError]]


@pytest.fixture
def left() -> Iterator[Left]:
    """Refusals of this test that something holds, be it only each other."""
    gc.collect()
    gc.disable()
    before = _refusals()
    yield lambda: [refusal for refusal in _refusals() if not any(refusal is one for one in before)]
    gc.enable()


def _refusals() -> list[GatewayError]:
    return [thing for thing in gc.get_objects() if isinstance(thing, GatewayError)]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", JSON, 400),
        (BAD, JSON, 422),
        (b" " * 2_000, JSON, 413),
        (EVENT, {"content-type": "text/plain"}, 415),
        (b'{"event_type":"a","user_id":"u","properties":{"a":"\\u0000"}}', JSON, 422),
    ],
    ids=["malformed", "invalid", "too large", "another media type", "not storable"],
)
async def test_a_refused_event_leaves_nothing(
    gateway: Gateway, left: Left, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert (await gateway.post(body, headers)).status == status
    assert left() == []


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"[", JSON, 400),
        (b"[" + b",".join([EVENT] * 11) + b"]", JSON, 413),
        (b"[%s,%s]" % (EVENT, BAD), JSON, 200),
        (b"%s\n%s\n{" % (EVENT, BAD), NDJSON, 200),
    ],
    ids=["malformed", "too many", "one is bad", "some lines are bad"],
)
async def test_a_refused_batch_leaves_nothing(
    gateway: Gateway, left: Left, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert (await gateway.post_batch(body, headers)).status == status
    assert left() == []


async def test_events_that_find_the_disk_full_leave_nothing(
    tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics, left: Left
) -> None:
    kafka.ready = False
    async with Gateway(tmp_path / "spool.db", kafka, metrics, spool_bytes=0) as gateway:
        assert (await gateway.post()).status == 503
        assert (await gateway.post_batch(b"[%s,%s]" % (EVENT, EVENT))).status == 503
        assert left() == []

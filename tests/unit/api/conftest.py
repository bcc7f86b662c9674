from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from api.metrics import ApiMetrics
from tests.unit.api.asgi import Gateway
from tests.unit.api.desk import Desk
from tests.unit.api.pretended import PretendedKafka


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def metrics() -> ApiMetrics:
    return ApiMetrics(CollectorRegistry())


@pytest.fixture
def kafka() -> PretendedKafka:
    return PretendedKafka()


@pytest.fixture
async def gateway(tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics) -> AsyncIterator[Gateway]:
    """Both hot endpoints with everything behind them real but Kafka, which acknowledges at once."""
    kafka.acknowledges = True
    async with Gateway(tmp_path / "spool.db", kafka, metrics) as gateway:
        yield gateway


@pytest.fixture
async def desk(tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics) -> AsyncIterator[Desk]:
    """With Kafka there; it answers when it is told to."""
    async with Desk(tmp_path / "spool.db", kafka, metrics) as desk:
        yield desk


@pytest.fixture
async def cut_off(tmp_path: Path, kafka: PretendedKafka, metrics: ApiMetrics) -> AsyncIterator[Desk]:
    """With Kafka away since the start."""
    kafka.ready = False
    async with Desk(tmp_path / "spool.db", kafka, metrics) as desk:
        yield desk

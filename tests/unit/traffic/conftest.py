from collections.abc import Iterator

import pytest

from tests.unit.traffic.gateway import Gateway, running_gateway


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with running_gateway() as gateway:
        yield gateway

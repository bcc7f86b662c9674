"""What the tests against the real stack share; the stack itself is in tests/conftest.py."""

from collections.abc import Iterator

import psycopg
import pytest
from kafka import KafkaAdminClient

from contract.topics import DEAD_LETTERS, EVENTS
from stack.stack import Stack
from tests.integration.gateway import Client, another_gateway, event, gateway_of
from tests.integration.rows import Rows
from tests.integration.series import Series
from tests.integration.topic import TopicReader, reading
from tests.publishers import DEFAULT
from tests.waiting import until


@pytest.fixture
def admin(stack: Stack) -> Iterator[KafkaAdminClient]:
    with KafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap) as client:
        yield client


@pytest.fixture
def database(stack: Stack) -> Iterator[psycopg.Connection]:
    """A connection on which every statement is its own transaction."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def gateway(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Client]:
    """The stack's gateway, for a client with a connection it keeps; or one like it, on the Kafka client asked for."""
    publisher = getattr(request, "param", DEFAULT)
    own = gateway_of(stack) if publisher == DEFAULT else another_gateway(stack, API_PUBLISHER=publisher)
    with own as client:
        yield client


@pytest.fixture(scope="session")
def events(stack: Stack) -> Iterator[TopicReader]:
    with reading(stack.kafka_bootstrap, EVENTS.name) as topic:
        yield topic


@pytest.fixture(scope="session")
def dead_letters(stack: Stack) -> Iterator[TopicReader]:
    with reading(stack.kafka_bootstrap, DEAD_LETTERS.name) as topic:
        yield topic


@pytest.fixture
def rows(database: psycopg.Connection) -> Rows:
    until(lambda: database.execute("SELECT to_regclass('events')").fetchone() != (None,), within=30)
    return Rows(database)


@pytest.fixture
def nothing_reaches_kafka(events: TopicReader, gateway: Client) -> Iterator[None]:
    """Around a test: no record more, no answer 500, and a good event is still taken afterwards."""
    before = events.ends()
    yield
    assert events.ends() == before
    assert Series(gateway.metrics_url).value("pipeline_events_rejected_total", reason="internal") == 0
    assert gateway.register(event()).status_code == 201

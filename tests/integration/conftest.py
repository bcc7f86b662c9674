"""What the tests against the real stack share; the stack itself is in tests/conftest.py."""

from collections.abc import Iterator

import psycopg
import pytest
from kafka import KafkaAdminClient

from stack.stack import Stack


@pytest.fixture
def admin(stack: Stack) -> Iterator[KafkaAdminClient]:
    with KafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap) as client:
        yield client


@pytest.fixture
def database(stack: Stack) -> Iterator[psycopg.Connection]:
    """A connection on which every statement is its own transaction."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        yield connection

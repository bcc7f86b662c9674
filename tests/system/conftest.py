"""Black box over compose; ``make test-compose`` runs this folder. Nothing of the project is imported.

The tests are one journey, in the order of the file, on one stack. COMPOSE names the command.
"""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.system.compose import Compose, Events, Prometheus


@pytest.fixture(scope="session")
def compose() -> Iterator[Compose]:
    """The stack, freshly built, started, and taken down with its volumes, also after a failure, Ctrl-C or SIGTERM."""
    compose = Compose(os.environ.get("COMPOSE", "docker compose"))
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        compose.down("--volumes")  # what a killed run left
        compose("--profile", "*", "build")
        compose.up()
        yield compose
    finally:
        compose.down("--volumes")
        signal.signal(signal.SIGTERM, previous)


@pytest.fixture(scope="session")
def events(compose: Compose) -> Events:
    return Events()


@pytest.fixture(scope="session")
def prometheus(compose: Compose) -> Prometheus:
    return Prometheus()

"""What tests of every level can ask for; nothing starts before a test does."""

import signal
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import pytest
from hypothesis import HealthCheck, settings

from stack.ports import Ports
from stack.stack import Stack

# A shell that starts a job in the background has it ignore SIGINT, and every program a test starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


# Hypothesis fails a test that is slow, and so would a busy machine.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The real topology on free ports, started once: ZooKeeper, Kafka, PostgreSQL, Prometheus, exporter, api, worker.

    A service that does not start fails the tests with the end of its log. After a failed run the logs stay.
    """
    home = _enterable_folder()
    stack = Stack(home, Ports.plan(free=True))
    try:
        with stack:
            yield stack
    finally:
        stack.remove_data()
        if request.session.testsfailed:
            request.config.get_terminal_writer().line(f"\nThe services' logs are in {stack.home.logs}")
        else:
            rmtree(home)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A new folder that every account can enter, unlike pytest's own."""
    folder = _enterable_folder()
    yield folder
    rmtree(folder)


def _enterable_folder() -> Path:
    """Pytest's own folders are closed to the account that runs PostgreSQL for root."""
    folder = Path(mkdtemp(prefix="event-pipeline-"))
    folder.chmod(0o755)
    return folder

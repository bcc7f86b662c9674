import socket
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from stack.errors import PortTaken
from stack.ports import HOST, Ports
from stack.programs import Programs
from stack.stack import Stack


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A stack whose programs do not exist: starting any of them would fail."""
    return Stack(tmp_path, Ports.plan(free=True), Programs(tmp_path, tmp_path, tmp_path, None, None))


def test_a_port_in_use_is_named_before_anything_starts(stack: Stack) -> None:
    with closing(socket.create_server((HOST, 0))) as server:
        port = server.getsockname()[1]
        stack.services["worker"] = replace(stack.services["worker"], ports=(port,))
        with pytest.raises(PortTaken, match=f"port {port}, which worker needs"):
            stack.start()
    assert stack.processes == {}
    assert not stack.home.config.exists()


def test_our_processes_find_everything_in_the_environment(stack: Stack) -> None:
    assert stack.env["KAFKA_BOOTSTRAP_SERVERS"] == stack.kafka_bootstrap
    assert stack.env["DATABASE_URL"] == stack.database_url
    assert stack.env["TRAFFIC_URL"] == stack.api_url


def test_nothing_runs_before_it_is_started(stack: Stack) -> None:
    assert not any(stack.running(name) for name in stack.services)
    stack.stop()

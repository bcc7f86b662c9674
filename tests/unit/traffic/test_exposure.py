import socket
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from threading import Thread

import pytest
import requests
from rich.console import Console

from tests.waiting import until
from traffic.exposure import Exposure


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    with closing(socket.socket()) as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder


@pytest.fixture
def port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def console() -> Console:
    return Console(file=StringIO(), width=200)


def scrape(port: int) -> str:
    return requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text


def test_the_metrics_are_served_with_every_answer_at_zero(port: int) -> None:
    with Exposure("127.0.0.1", port, console()):
        text = scrape(port)
    for answer in ("published", "spooled", "refused", "unexpected", "unknown"):
        assert f'simulator_requests_total{{answer="{answer}"}} 0.0' in text
    assert 'pipeline_build_info{revision="unknown",service="traffic"' in text


def test_a_taken_port_is_named_and_costs_only_the_metrics(taken: socket.socket) -> None:
    screen = console()
    with Exposure("127.0.0.1", taken.getsockname()[1], screen) as exposure:
        exposure.metrics.target.set(1)
        exposure.linger(lambda: False)
    assert f"127.0.0.1:{taken.getsockname()[1]} cannot be used" in screen.file.getvalue()


def test_the_last_numbers_stay_until_they_were_scraped_three_times(port: int) -> None:
    with Exposure("127.0.0.1", port, console()) as exposure:
        scrape(port)
        lingering = Thread(target=exposure.linger, args=(lambda: False,))
        lingering.start()
        until(lambda: lingering.is_alive(), within=5)
        for _ in range(3):
            assert lingering.is_alive()
            scrape(port)
        until(lambda: not lingering.is_alive(), within=5)


def test_nobody_waits_when_nobody_scrapes(port: int) -> None:
    screen = console()
    with Exposure("127.0.0.1", port, screen) as exposure:
        exposure.linger(lambda: False)
    assert "Prometheus" not in screen.file.getvalue()


def test_who_has_enough_waits_no_longer(port: int) -> None:
    with Exposure("127.0.0.1", port, console()) as exposure:
        scrape(port)
        exposure.linger(lambda: True)
        assert "simulator_requests_total" in scrape(port)

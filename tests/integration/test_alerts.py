"""Drills: a service goes away under traffic, its alerts fire, it comes back, they clear, and no event is missed."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from stack.stack import Stack
from tests.integration.observed import Prometheus, send_until_stopped
from tests.waiting import until

DRILLS = {
    "worker": {"TargetDown", "ConsumerGroupEmpty"},
    "postgres": {"DatabaseUnreachable"},
    "kafka": {"KafkaUnreachable", "LagUnknown"},
}


@pytest.fixture(scope="module")
def prometheus(stack: Stack) -> Prometheus:
    return Prometheus(stack.prometheus_url)


@contextmanager
def traffic(stack: Stack) -> Iterator[None]:
    stop = Event()
    thread = Thread(target=send_until_stopped, args=(stack, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def away(stack: Stack, service: str) -> Iterator[None]:
    stack.stop(service)
    try:
        yield
    finally:
        stack.start(service)


@pytest.mark.parametrize("service", DRILLS)
def test_its_alerts_fire_while_a_service_is_away_and_clear_when_it_is_back(
    stack: Stack, prometheus: Prometheus, service: str
) -> None:
    expected = DRILLS[service]
    until(lambda: not expected & prometheus.firing(), within=120)
    with traffic(stack):
        with away(stack, service):
            until(lambda: expected <= prometheus.firing(), within=120)
        until(lambda: not expected & prometheus.firing(), within=120)
    until(lambda: prometheus.value("sum(group:lag_records:sum) + pipeline:spool_records:sum") == 0, within=60)
    # The law is silent for three scrapes while things move, and must stay so after them.
    assert prometheus.value("max_over_time(pipeline:events_unaccounted:sum[3m])") == 0


def test_nobody_is_woken_without_a_reason(stack: Stack, prometheus: Prometheus) -> None:
    """Once the drills are over everything falls silent but the watchdog, and what looks back on five minutes."""
    look_back = {"FreshnessBudgetBurn", "LatencyBudgetBurn", "DeadLetters", "WorkerFenced"}
    until(lambda: prometheus.firing() - look_back == {"Watchdog"}, within=120)

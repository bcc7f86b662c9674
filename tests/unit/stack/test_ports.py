import os
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from stack.errors import PortTaken
from stack.ports import HOST, Ports, free_ports, listens, require_free


@pytest.fixture
def busy_port() -> Iterator[int]:
    """A port on which this very process listens."""
    with closing(socket.create_server((HOST, 0))) as server:
        yield server.getsockname()[1]


def test_free_ports_differ_from_each_other_and_from_those_given_before() -> None:
    assert len({port for _ in range(100) for port in free_ports(5)}) == 500


def test_a_free_port_is_not_one_that_is_listened_on(busy_port: int) -> None:
    assert busy_port not in free_ports(50)


def test_the_known_ports_are_those_of_compose() -> None:
    known = {"zookeeper": 2181, "kafka": 9092, "postgres": 5432, "prometheus": 9090, "kafka-exporter": 9308}
    assert known.items() <= dict(Ports().named()).items()


def test_a_plan_has_as_many_ports_as_replicas_and_the_first_is_the_known_one() -> None:
    ports = Ports.plan(brokers=3, apis=2, workers=4)
    assert (ports.kafka[0], ports.api[0], ports.worker_metrics[0]) == (9092, 8000, 9102)
    assert (len(ports.kafka), len(ports.api), len(ports.api_metrics), len(ports.worker_metrics)) == (3, 2, 2, 4)


def test_a_free_plan_uses_no_known_port_and_none_twice_but_the_gateways_share_theirs() -> None:
    numbers = [port for _, port in Ports.plan(free=True, brokers=2, apis=2, workers=2).named()]
    assert len(set(numbers)) == len(numbers) == 12
    assert len(set(Ports.plan(free=True, apis=2).api)) == 1
    assert not {port for _, port in Ports().named()} & set(numbers)


def test_the_simulators_port_need_not_be_free_while_the_stack_starts() -> None:
    assert 9103 not in dict(Ports().named()).values()


def test_a_taken_port_is_named_with_its_service_and_its_owner(busy_port: int) -> None:
    with pytest.raises(
        PortTaken, match=rf"port {busy_port}, which kafka needs, is in use by .* \(process {os.getpid()}\)"
    ):
        require_free([("zookeeper", free_ports(1)[0]), ("kafka", busy_port)])


def test_all_taken_ports_are_named_at_once(busy_port: int) -> None:
    with pytest.raises(PortTaken, match=r"which api needs.*which worker needs"):
        require_free([("api", busy_port), ("worker", busy_port)])


def test_free_ports_raise_nothing() -> None:
    require_free(("api", port) for port in free_ports(3))


def test_a_port_listens_only_while_somebody_accepts_connections(busy_port: int) -> None:
    assert listens(busy_port)
    assert not listens(free_ports(1)[0])

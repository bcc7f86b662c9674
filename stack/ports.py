"""Which port each service listens on; all on 127.0.0.1. The number of ports is the number of replicas."""

import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from itertools import cycle
from random import SystemRandom
from typing import Final, Self

import psutil

from stack.errors import PortTaken

HOST: Final = "127.0.0.1"

# Below the range from which the system picks the ports of outgoing connections.
_FREE_RANGE: Final = range(20_000, 32_000)
_CANDIDATES: Final = cycle(SystemRandom().sample(_FREE_RANGE, len(_FREE_RANGE)))


@dataclass(frozen=True)
class Ports:
    """The ports everybody knows, the same as compose's."""

    zookeeper: int = 2181
    kafka: tuple[int, ...] = (9092,)
    postgres: int = 5432
    api: tuple[int, ...] = (8000,)
    """Gateways share one port, and the system spreads the connections over them."""

    api_metrics: tuple[int, ...] = (9101,)
    worker_metrics: tuple[int, ...] = (9102,)
    traffic_metrics: int = 9103
    kafka_exporter: int = 9308
    prometheus: int = 9090
    dashboards: int = 3000

    @classmethod
    def plan(cls, *, free: bool = False, brokers: int = 1, apis: int = 1, workers: int = 1) -> Self:
        """Ports for so many replicas: the known ones and free ones for the rest, or free ones only."""
        known, spare = cls(), iter(free_ports(6 + brokers + 2 * apis + workers))
        one = spare.__next__

        gateway = one() if free else known.api[0]

        def many(first: int, count: int) -> tuple[int, ...]:
            return tuple(first if number == 0 and not free else one() for number in range(count))

        return cls(
            zookeeper=one() if free else known.zookeeper,
            kafka=many(known.kafka[0], brokers),
            postgres=one() if free else known.postgres,
            api=(gateway,) * apis,
            api_metrics=many(known.api_metrics[0], apis),
            worker_metrics=many(known.worker_metrics[0], workers),
            traffic_metrics=one() if free else known.traffic_metrics,
            kafka_exporter=one() if free else known.kafka_exporter,
            prometheus=one() if free else known.prometheus,
            dashboards=one() if free else known.dashboards,
        )

    def named(self) -> list[tuple[str, int]]:
        """Each port that is listened on while the stack is up, with the service it belongs to."""
        ports = {name: port if isinstance(port, tuple) else (port,) for name, port in asdict(self).items()}
        del ports["traffic_metrics"]  # the simulator's, only while it runs
        named = (
            (name.removesuffix("_metrics").replace("_", "-"), port) for name, many in ports.items() for port in many
        )
        return list(dict.fromkeys(named))

    @property
    def brokers(self) -> str:
        """What Kafka's clients call bootstrap servers."""
        return ",".join(f"{HOST}:{port}" for port in self.kafka)


def free_ports(count: int) -> list[int]:
    """So many different ports nobody listens on now; none comes twice before all have been given."""
    with ExitStack() as held:
        return [next(port for port in _CANDIDATES if _hold(port, held)) for _ in range(count)]


def require_free(wanted: Iterable[tuple[str, int]]) -> None:
    """Raises PortTaken, which names each taken port, the service that wants it and the program that has it."""
    taken = [f"port {port}, which {name} needs, is in use{_owner(port)}" for name, port in wanted if _taken(port)]
    if taken:
        raise PortTaken("; ".join(taken) + ": stop what runs there, or use --free-ports")


def listens(port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _hold(port: int, held: ExitStack) -> bool:
    server = held.enter_context(closing(socket.socket()))
    try:
        server.bind((HOST, port))
    except OSError:
        return False
    return True


def _taken(port: int) -> bool:
    with closing(socket.socket()) as server:
        # As servers do: connections of a past server that linger are no obstacle, nor are gateways that share theirs.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            server.bind((HOST, port))
        except OSError:
            return True
    return False


def _owner(port: int) -> str:
    """Who listens there, when the system tells us."""
    for pid in _listeners(port):
        try:
            return f" by {psutil.Process(pid).name()} (process {pid})"
        except psutil.Error:
            continue
    return ""


def _listeners(port: int) -> Iterator[int]:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return
    for connection in connections:
        address = connection.laddr
        if connection.status == psutil.CONN_LISTEN and address and address.port == port and connection.pid:
            yield connection.pid

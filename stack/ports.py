"""Which port each service listens on; all on 127.0.0.1."""

import socket
from contextlib import ExitStack, closing
from dataclasses import dataclass, fields
from random import SystemRandom
from typing import Final, Self

HOST: Final = "127.0.0.1"

# Below the range from which the system picks the ports of outgoing connections.
_FREE_RANGE: Final = range(20_000, 32_000)


@dataclass(frozen=True)
class Ports:
    """The ports everybody knows, the same as compose's."""

    zookeeper: int = 2181
    kafka: int = 9092
    postgres: int = 5432
    api: int = 8000
    api_metrics: int = 9101
    worker_metrics: int = 9102
    traffic_metrics: int = 9103
    kafka_exporter: int = 9308
    prometheus: int = 9090
    board: int = 3000

    @classmethod
    def free(cls) -> Self:
        """Ports nobody listens on now, for a stack beside others."""
        return cls(*free_ports(len(fields(cls))))


def free_ports(count: int) -> list[int]:
    """So many different ports nobody listens on now."""
    found: list[int] = []
    candidates = SystemRandom().sample(_FREE_RANGE, len(_FREE_RANGE))
    with ExitStack() as held:
        for port in candidates:
            if len(found) == count:
                break
            server = held.enter_context(closing(socket.socket()))
            try:
                server.bind((HOST, port))
            except OSError:
                continue
            found.append(port)
    return found


def taken(port: int) -> bool:
    """Whether a server could not listen there now."""
    with closing(socket.socket()) as server:
        # As servers do: connections of a past server that linger are no obstacle.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((HOST, port))
        except OSError:
            return True
    return False


def listens(port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True

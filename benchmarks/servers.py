"""The servers that are compared, each as a service of the stack on a port of its own."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from stack import pipeline
from stack.home import Home
from stack.ports import HOST, Ports, free_ports, listens
from stack.service import Service

PUBLISHERS: Final = ("kafka-python", "librdkafka")
BARE: Final = "without metrics"

_NEEDED: Final = 2 * len(PUBLISHERS)


def ports() -> Ports:
    """Free ports, with one gateway for each publisher with metrics and one without."""
    return replace(Ports.plan(free=True, apis=_NEEDED), api=tuple(free_ports(_NEEDED)))


def gateways(home: Home, ports: Ports) -> Iterator[Service]:
    """Ours, named after the publisher: ``kafka-python``, ``kafka-python without metrics`` and so on."""
    for number in range(1, _NEEDED + 1):
        publisher, bare = PUBLISHERS[(number - 1) // 2], number % 2 == 0
        gateway = pipeline.api(home, ports, number)
        yield replace(
            gateway,
            name=f"{publisher} {BARE}" if bare else publisher,
            command=(sys.executable, "-m", "benchmarks.unmetered" if bare else "api"),
            environment={**gateway.environment, "API_PUBLISHER": publisher},
        )


def others(ports: Ports) -> Iterator[Service]:
    """The gateway everybody writes first, and the two that do nothing."""
    for (name, module), port in zip(_OTHERS.items(), free_ports(len(_OTHERS)), strict=True):
        yield Service(
            name,
            (sys.executable, "-m", *module),
            ready=lambda port=port: listens(port),  # type: ignore[misc]
            address=f"http://{HOST}:{port}",
            ports=(port,),
            environment={**pipeline.shared_environment(ports), "PORT": str(port)},
        )


_OTHERS: Final = {
    "baseline": ("benchmarks.baseline",),
    "raw no-op": ("benchmarks.noop", "raw"),
    "FastAPI no-op": ("benchmarks.noop", "fastapi"),
}

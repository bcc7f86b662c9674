"""The servers that are compared, each as a service of the stack on a port of its own."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Final

from stack import pipeline
from stack.home import Home
from stack.ports import HOST, Ports, free_ports, listens
from stack.service import Service

PUBLISHERS: Final = ("kafka-python", "librdkafka")
SWITCHED: Final = "with a switch"
TWO: Final = "twice"
WORKERS: Final = 2


def ports() -> Ports:
    """Free ports for the gateways below; those that run twice share theirs."""
    alone, shared = 2 * len(PUBLISHERS), len(PUBLISHERS)
    plan = Ports.plan(free=True, apis=alone + 2 * shared, workers=WORKERS)
    numbers = free_ports(alone + shared)
    return replace(plan, api=(*numbers, *numbers[alone:]))


def gateways(home: Home, ports: Ports) -> Iterator[Service]:
    """Ours, named after the publisher: ``kafka-python``, ``kafka-python with a switch``, ``kafka-python twice``."""
    kinds = ("", f" {SWITCHED}", f" {TWO}", f" {TWO}, again")
    for number, (kind, publisher) in enumerate(product(kinds, PUBLISHERS), start=1):
        gateway = pipeline.api(home, ports, number)
        yield replace(
            gateway,
            name=publisher + kind,
            command=(sys.executable, "-m", "benchmarks.switched" if SWITCHED in kind else "api"),
            environment={**gateway.environment, "API_PUBLISHER": publisher},
        )


def others(ports: Ports) -> Iterator[Service]:
    """The gateway everybody writes first, the two that do nothing, and the one that only passes on."""
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
    "librdkafka alone": ("benchmarks.passing",),
}

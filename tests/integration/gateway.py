"""The gateway as its clients see it, and gateways with settings of their own."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self
from uuid import uuid4

import pytest
import requests

from stack import pipeline
from stack.ports import HOST, free_ports
from stack.process import MARK, Process
from stack.stack import Stack
from tests.publishers import PUBLISHERS
from tests.waiting import until

EVENT = b'{"event_type":"page.viewed","user_id":"user-42"}'
MOST_BYTES, MOST_BATCH_BYTES = 262_144, 8_388_608
JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
ON_BOTH_CLIENTS = pytest.mark.parametrize("gateway", PUBLISHERS, indirect=True, scope="module")
"""Of a test, or a module of tests: they are the contract of a gateway on either Kafka client."""


class Client(requests.Session):
    """One gateway; paths instead of addresses."""

    def __init__(self, url: str, metrics_url: str) -> None:
        super().__init__()
        self.url, self.metrics_url = url, metrics_url
        self.trust_env = False  # a proxy has no business on this machine's own addresses

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        return super().request(method, f"{self.url}{url!s}", *args, timeout=30, **kwargs)

    def register(self, event: Any, **headers: str) -> requests.Response:
        return self.post("/register_event", json=event, headers=headers)

    def ready(self) -> Self:
        until(lambda: self.get("/readyz").json()["checks"]["kafka"] == "takes records", within=30)
        return self

    def place(self, event_id: str) -> dict[str, Any]:
        answer = self.get(f"/events/{event_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def event(user_id: str = "user-42", event_type: str = "page.viewed", **fields: Any) -> dict[str, Any]:
    """A good event that no other is like."""
    return {"event_id": str(uuid4()), "event_type": event_type, "user_id": user_id, **fields}


def chunks(body: bytes) -> Iterable[bytes]:
    """Without a length requests sends them chunked."""
    return (body[at : at + 65_536] for at in range(0, len(body), 65_536))


@contextmanager
def gateway_of(stack: Stack) -> Iterator[Client]:
    """The stack's own gateway, once it has met Kafka: until then events go to its spool."""
    with Client(stack.api_url, f"http://{HOST}:{stack.ports.api_metrics[0]}/metrics") as client:
        yield client.ready()


@contextmanager
def another_gateway(stack: Stack, *, wait_for_kafka: bool = True, **environment: str) -> Iterator[Client]:
    """A gateway of the same stack on ports and with a spool of its own, and with this in its environment."""
    port, metrics = free_ports(2)
    ports = replace(stack.ports, api=(*stack.ports.api, port), api_metrics=(*stack.ports.api_metrics, metrics))
    service = pipeline.api(stack.home, ports, len(ports.api))
    own = {MARK: str(stack.home.root), "SPOOL_PATH": str(stack.home.data / "spool" / f"{port}.db"), **environment}
    service = replace(service, environment={**service.environment, **own})
    process = Process(service, stack.home.log(f"api-{port}"))
    process.begin()
    try:
        until(process.check, within=60)
        with Client(f"http://{HOST}:{port}", f"http://{HOST}:{metrics}/metrics") as client:
            yield client.ready() if wait_for_kafka else client
    finally:
        process.end()


def problem(answer: requests.Response, status: int, kind: str) -> dict[str, Any]:
    """The problem an answer tells of, after a look at what all of them have in common."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "request_id"} <= document.keys()
    assert document["type"] == f"urn:event-pipeline:problem:{kind}"
    assert document["status"] == status
    assert document["request_id"] == answer.headers["x-request-id"]
    return document

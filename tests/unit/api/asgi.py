"""The hot endpoints called as what they are, ASGI applications: no server, no client, no network."""

import asyncio
from collections.abc import Callable, Iterable
from json import loads
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr

from api.admission import Admission, RequestIds
from api.ingest import Ingest, RegisterEvent, RegisterEvents
from api.intake import Intake
from api.journal import Journal
from api.limits import RateLimit
from api.lookup import Recent
from api.metrics import ApiMetrics
from api.spool import Spool
from tests.unit.api.desk import Started
from tests.unit.api.pretended import PretendedKafka, sample

EVENT = b'{"event_type":"page.viewed","user_id":"user-42"}'
JSON = {"content-type": "application/json"}
NDJSON = {"content-type": "application/x-ndjson"}
BODY_BYTES, BATCH_BYTES, BATCH_EVENTS = 1_024, 16_384, 10


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return loads(self.body)


class Gateway(Started):
    """Small limits, so that tests can reach them."""

    def __init__(
        self,
        spool: Path,
        kafka: PretendedKafka,
        metrics: ApiMetrics,
        *,
        keys: Iterable[str] = (),
        rate: float = 0,
        clock: Callable[[], float] = lambda: 0.0,
        log_events: bool = False,
        spool_bytes: int = 1_000_000,
        deadline_seconds: float = 5,
        body_timeout_seconds: float = 5,
    ) -> None:
        self.kafka, self.metrics = kafka, metrics
        self.spool = Spool(spool, spool_bytes, metrics)
        self.intake = Intake(kafka, self.spool, deadline_seconds, metrics)
        self.recent = Recent()
        admission = Admission([SecretStr(key) for key in keys], RateLimit(rate, clock), body_timeout_seconds)
        shared = (admission, self.intake, self.recent, Journal(on=log_events), RequestIds(), metrics)
        self.single = RegisterEvent(*shared, BODY_BYTES)
        self.batch = RegisterEvents(*shared, BATCH_BYTES, most_events=BATCH_EVENTS)

    async def post(self, body: bytes = EVENT, headers: dict[str, str] = JSON, **more: str) -> Reply:
        """To /register_event."""
        return await call(self.single, [body], headers | more)

    async def post_batch(self, body: bytes, headers: dict[str, str] = JSON, **more: str) -> Reply:
        return await call(self.batch, [body], headers | more)

    @property
    def books(self) -> tuple[float, float, float]:
        """Events received, accepted, rejected."""
        registry = self.metrics.registry
        accepted = (sample(registry, "pipeline_events_accepted_total", outcome=o) for o in ("published", "spooled"))
        rejected = (s.value for m in self.metrics.rejected.collect() for s in m.samples if s.name.endswith("_total"))
        return sample(registry, "pipeline_events_received_total"), sum(accepted), sum(rejected)

    def rejected(self, reason: str) -> float:
        return sample(self.metrics.registry, "pipeline_events_rejected_total", reason=reason)


async def call(
    application: Ingest, chunks: Iterable[bytes], headers: dict[str, str], *, leaves: bool = False, hangs: bool = False
) -> Reply:
    """POST the chunks; afterwards the client may leave, or send nothing more."""
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if leaves:
        messages.append({"type": "http.disconnect"})
    elif not hangs:
        messages[-1]["more_body"] = False
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": application.path,
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    await application(scope, receive, send)
    start, end = sent
    assert not end.get("more_body")
    reply = Reply(start["status"], {n.decode(): v.decode() for n, v in start["headers"]}, end["body"])
    assert reply.headers["content-length"] == str(len(reply.body))
    return reply


def problem(reply: Reply, status: int, kind: str) -> Any:
    """The reply's problem, after a look at what all problems have in common."""
    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"
    document = reply.json
    assert {"type", "title", "status", "detail", "request_id"} <= document.keys()
    assert document.keys() <= {"type", "title", "status", "detail", "request_id", "errors"}
    assert document["type"] == f"urn:event-pipeline:problem:{kind}"
    assert document["status"] == status
    assert document["request_id"] == reply.headers["x-request-id"]
    return document

"""The whole wiring of the gateway, top to bottom."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from http import HTTPStatus
from time import perf_counter
from typing import Any
from uuid import UUID

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from loguru import logger
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_fastapi_instrumentator import Instrumentator
from prometheus_fastapi_instrumentator.metrics import Info
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.admission import Admission, RequestIds, headers_of
from api.answer import Answer
from api.errors import PROBLEM_TYPE, GatewayError, InternalError, InvalidEvent, Unavailable, json_pointer
from api.health import health_routes
from api.ingest import RegisterEvent, RegisterEvents
from api.intake import Intake
from api.journal import Journal
from api.limits import RateLimit
from api.lookup import EventPlace, Lookup, Recent
from api.metrics import ApiMetrics
from api.openapi import document, refusals
from api.publisher import Flight, Publisher
from api.publisher.kafka_python import KafkaPythonPublisher
from api.settings import ApiSettings
from api.spool import Spool
from contract.exposition import build_registry, serve

_LOOP_PROBE_SECONDS = 0.1
_METHODS = ("GET", "HEAD", "POST")


def create_app(settings: ApiSettings) -> "Lanes":
    """Builds everything and starts nothing: clients, files and ports are opened by the lifespan."""
    registry = build_registry("api")
    metrics = ApiMetrics(registry)
    flight = Flight(settings.max_inflight_events, settings.max_inflight_bytes, metrics)
    publisher = _publisher(settings, flight)
    spool = Spool(settings.spool.path, settings.spool.max_bytes, metrics)
    intake = Intake(publisher, spool, settings.publish_deadline_seconds, metrics)
    recent, journal, ids = Recent(), Journal(on=settings.log_events), RequestIds()
    admission = Admission(settings.keys, RateLimit(settings.rate_limit_per_second), settings.body_timeout_seconds)
    shared = (admission, intake, recent, journal, ids, metrics)
    single = RegisterEvent(*shared, settings.max_body_bytes)
    batch = RegisterEvents(*shared, settings.max_batch_bytes, most_events=settings.max_batch_events)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        stop_metrics = serve(registry, settings.metrics_host, settings.metrics_port)
        await intake.start()
        loop_lag = asyncio.create_task(_measure_loop_lag(metrics))
        yield
        loop_lag.cancel()
        await intake.stop(settings.publish_deadline_seconds)
        await asyncio.to_thread(stop_metrics)

    app = FastAPI(
        title="Event pipeline",
        version="1",
        description="Takes events, and answers when Kafka has them or when they are safe on disk.",
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.openapi = partial(document, app)  # type: ignore[method-assign]
    app.include_router(health_routes(intake, spool))
    _add_lookup(app, Lookup(settings.database_url, recent))
    _add_metrics(app, registry)
    _add_problems(app, ids)
    _instrument(app, metrics)
    app.router.routes += [Route(lane.path, lane, methods=["POST"]) for lane in (single, batch)]
    return Lanes(app, {lane.path.encode(): lane for lane in (single, batch)})


def _publisher(settings: ApiSettings, flight: Flight) -> Publisher:
    if settings.publisher == "librdkafka":
        try:
            from api.publisher.librdkafka import LibrdkafkaPublisher
        except ImportError as error:
            raise ValueError("API_PUBLISHER=librdkafka needs the package confluent-kafka, an extra.") from error
        return LibrdkafkaPublisher(settings.kafka, flight)
    return KafkaPythonPublisher(settings.kafka, flight)


class Lanes:
    """Takes the hot paths before FastAPI, whose layers cost a small request more than its own work.

    ``lanes`` are by their paths, for servers that know a shorter way still (``api/http/protocol.py``).
    """

    def __init__(self, app: FastAPI, lanes: Mapping[bytes, ASGIApp]) -> None:
        self.app, self.lanes = app, lanes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, partial(_tell_plainly, send))
            return
        hot = scope["type"] == "http" and scope["method"] == "POST"
        lane = self.lanes.get(scope["path"].encode(), self.app) if hot else self.app
        await lane(scope, receive, send)


async def _tell_plainly(send: Send, message: Message) -> None:
    """Say in one line why the gateway cannot start; starlette sends a whole traceback, which is for the debug log."""
    if message["type"] == "lifespan.startup.failed":
        logger.debug("{}", message["message"])
        *_, reason = message["message"].strip().splitlines()
        message = {**message, "message": f"the gateway cannot start: {reason}"}
    await send(message)


def _add_lookup(app: FastAPI, lookup: Lookup) -> None:
    @app.get(
        "/events/{event_id}",
        tags=["events"],
        summary="Where is this event?",
        response_model_exclude_none=True,
        responses=refusals(InvalidEvent, Unavailable),
    )
    async def find(event_id: UUID) -> EventPlace:
        return await lookup.find(event_id)


def _add_metrics(app: FastAPI, registry: CollectorRegistry) -> None:
    @app.get("/metrics", tags=["health"], summary="The same series as on the metrics port")
    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})


def _add_problems(app: FastAPI, ids: RequestIds) -> None:
    """Every error of the other routes in the same shape as the hot ones'."""

    def respond(request: Request, error: GatewayError) -> Response:
        request_id = ids.of(headers_of(request.scope))
        return _response(Answer.refusal(error, request_id), request_id)

    @app.exception_handler(GatewayError)
    async def refused(request: Request, error: GatewayError) -> Response:
        return respond(request, error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        faults = [{"pointer": json_pointer(fault["loc"]), "message": fault["msg"]} for fault in error.errors()]
        return respond(request, InvalidEvent("The request has values that cannot be accepted.", errors=faults))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        request_id = ids.of(headers_of(request.scope))
        return _response(_http_problem(error, request_id), request_id)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        request_id = ids.of(headers_of(request.scope))
        logger.bind(request_id=request_id.decode()).error("a request failed: {!r}", error)  # uvicorn logs the trace
        told = InternalError("Something is broken here; the log tells more under this id.")
        return _response(Answer.refusal(told, request_id), request_id)


def _http_problem(error: HTTPException, request_id: bytes) -> Answer:
    title = HTTPStatus(error.status_code).phrase
    problem: dict[str, Any] = {
        "type": PROBLEM_TYPE + title.lower().replace(" ", "_"),
        "title": title,
        "status": error.status_code,
        "detail": error.detail,
        "request_id": request_id.decode(),
    }
    return Answer.problem(error.status_code, problem, error.headers or {})


def _response(answer: Answer, request_id: bytes) -> Response:
    headers = {"x-request-id": request_id.decode(), **answer.headers}
    return Response(answer.body, answer.status, headers, media_type=answer.media_type.decode())


def _instrument(app: FastAPI, metrics: ApiMetrics) -> None:
    """Count the other routes in the same series as the hot ones."""

    def observe(info: Info) -> None:
        method = info.method if info.method in _METHODS else "other"  # the rest is the client's choice, and no series
        metrics.requests.labels(method, info.modified_handler, info.modified_status).inc()
        metrics.request_duration.labels(method, info.modified_handler).observe(info.modified_duration)

    instrumentator = Instrumentator(should_group_status_codes=False, excluded_handlers=["^/metrics$"])
    instrumentator.add(observe).instrument(app)


async def _measure_loop_lag(metrics: ApiMetrics) -> None:
    with suppress(asyncio.CancelledError):
        while True:
            began = perf_counter()
            await asyncio.sleep(_LOOP_PROBE_SECONDS)
            metrics.loop_lag.observe(max(perf_counter() - began - _LOOP_PROBE_SECONDS, 0))

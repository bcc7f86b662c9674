"""The OpenAPI of the two hot endpoints, which FastAPI does not see, and of every problem there is."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import errors
from api.errors import PROBLEM_TYPE, GatewayError
from api.ingest import RegisterEvent, RegisterEvents
from api.metrics import Rejection
from contract.event import Event
from contract.topics import EVENTS

_EXAMPLE = {"event_type": "page.viewed", "user_id": "user-42", "properties": {"path": "/pricing", "ms": 12.5}}
_REFUSALS = (
    errors.Malformed,
    errors.Unauthorized,
    errors.BodyTimeout,
    errors.TooLarge,
    errors.UnsupportedMedia,
    errors.InvalidEvent,
    errors.RateLimited,
    errors.InternalError,
    errors.Unavailable,
    errors.Unconfirmed,
)


def document(app: FastAPI) -> dict[str, Any]:
    """The whole OpenAPI document; built once, then kept by the app."""
    if not app.openapi_schema:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schema["paths"] = {**_paths(), **schema["paths"]}
        parts = schema.setdefault("components", {}).setdefault("schemas", {})
        parts |= _event() | {"Accepted": _ACCEPTED, "Result": _RESULT, "Problem": _PROBLEM}
        app.openapi_schema = schema
    return app.openapi_schema


def _paths() -> dict[str, Any]:
    one, batch = _reference("Event"), {"type": "array", "items": _reference("Event")}
    lines = {"type": "string", "description": "One event a line."}
    return {
        RegisterEvent.path: _post(
            "Register one event",
            {"application/json": {"schema": one, "example": _EXAMPLE}},
            {
                "201": _json("Kafka has acknowledged the event.", _reference("Accepted")),
                "202": _json("The event is safe on disk; Kafka gets it when it is back.", _reference("Accepted")),
            },
        ),
        RegisterEvents.path: _post(
            "Register many events",
            {
                "application/json": {"schema": batch, "example": [_EXAMPLE]},
                "application/x-ndjson": {"schema": lines},
            },
            {
                "200": _json(
                    "One result for each event, in order.",
                    {"type": "object", "properties": {"results": {"type": "array", "items": _reference("Result")}}},
                )
            },
        ),
    }


def _post(summary: str, content: dict[str, Any], responses: dict[str, Any]) -> dict[str, Any]:
    return {
        "post": {
            "summary": summary,
            "tags": ["events"],
            "parameters": [
                _header("X-API-Key", "Needed when keys are set."),
                _header("X-Request-Id", "Yours, or ours."),
            ],
            "requestBody": {"required": True, "content": content},
            "responses": responses | refusals(*_REFUSALS) | _OTHER_METHOD,
        }
    }


def refusals(*errors: type[GatewayError]) -> dict[int | str, Any]:
    """The answers that refuse a request, as OpenAPI lists them."""
    return {str(error.status): _refusal(error) for error in errors}


def _refusal(error: type[GatewayError]) -> dict[str, Any]:
    answer = _problem(error.title)
    if error.status in (429, 503, 504):
        answer["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return answer


def _problem(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/problem+json": {"schema": _reference("Problem")}}}


def _header(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}


def _json(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _event() -> dict[str, Any]:
    """The event's schema and those it refers to, by name."""
    schema = Event.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), "Event": schema}


_OTHER_METHOD = {"405": _problem("The path takes POST")}
_ACCEPTED: dict[str, Any] = {
    "type": "object",
    "required": ["event_id", "status"],
    "properties": {
        "event_id": {"type": "string", "format": "uuid"},
        "status": {"enum": ["published", "spooled"]},
        "topic": {"const": EVENTS.name},
        "partition": {"type": "integer"},
        "offset": {"type": "integer"},
    },
}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "enum": [PROBLEM_TYPE + kind for kind in (*Rejection, "not_found", "method_not_allowed")],
        },
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["index", "status"],
    "properties": {
        **_ACCEPTED["properties"],
        "index": {"type": "integer"},
        "status": {"enum": ["published", "spooled", "rejected"]},
        "problem": _reference("Problem"),
    },
}

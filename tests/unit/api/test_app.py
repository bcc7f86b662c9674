"""The application around the hot endpoints: its routes, its refusals, its document. Nothing is started."""

from json import loads
from pathlib import Path
from typing import Any

import pytest
from fastapi.openapi.models import OpenAPI

from api.app import Lanes, create_app
from api.errors import PROBLEM_TYPE
from api.metrics import Rejection
from api.settings import ApiSettings, SpoolSettings
from api.spool.queue import SpoolUnusable
from contract.event import Event
from tests.unit.api.asgi import Reply, problem

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(tmp_path: Path) -> Lanes:
    return create_app(ApiSettings(spool=SpoolSettings(path=tmp_path / "spool.db")))


@pytest.fixture
def document(app: Lanes) -> dict[str, Any]:
    return app.app.openapi()


async def ask(app: Lanes, method: str, path: str, *headers: tuple[bytes, bytes]) -> Reply:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": list(headers),
    }
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Reply(sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}, body)


async def test_the_process_answers_before_anything_is_started(app: Lanes) -> None:
    assert (await ask(app, "GET", "/healthz")).json == {"status": "ok"}


async def test_readiness_names_what_it_rests_on(app: Lanes) -> None:
    ready = await ask(app, "GET", "/readyz")
    assert ready.status == 200
    assert ready.json == {
        "status": "ready",
        "checks": {
            "kafka": "has not answered since the start: events go to the spool until it does",
            "spool": "holds 0 records",
        },
    }


async def test_without_kafka_and_without_room_it_is_not_ready(tmp_path: Path) -> None:
    app = create_app(ApiSettings(spool=SpoolSettings.model_construct(path=tmp_path / "spool.db", max_bytes=0)))
    unready = await ask(app, "GET", "/readyz")
    assert unready.status == 503
    assert unready.json["status"] == "not_ready"
    assert unready.json["checks"]["spool"] == "holds 0 records: full"


@pytest.mark.parametrize("path", ["/", "/nowhere", "/register_event/", "/events", "/events/a/b", "//register_event"])
async def test_unknown_paths_are_problems(app: Lanes, path: str) -> None:
    problem(await ask(app, "GET", path), 404, "not_found")
    problem(await ask(app, "POST", path), 404, "not_found")


@pytest.mark.parametrize("path", ["/register_event", "/register_events"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_on_the_hot_paths_are_problems(app: Lanes, path: str, method: str) -> None:
    reply = await ask(app, method, path)
    problem(reply, 405, "method_not_allowed")
    assert reply.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/events/0190a6f2-7c3a-7b1e-8f2a-0123456789ab"])
async def test_other_methods_elsewhere_are_problems(app: Lanes, path: str) -> None:
    reply = await ask(app, "POST", path)
    problem(reply, 405, "method_not_allowed")
    assert reply.headers["allow"] == "GET"


async def test_an_id_that_is_none_is_a_problem_with_its_place(app: Lanes) -> None:
    refused = problem(await ask(app, "GET", "/events/17"), 422, "validation")
    assert [fault["pointer"] for fault in refused["errors"]] == ["/path/event_id"]


async def test_a_request_id_comes_back_from_every_route(app: Lanes) -> None:
    for path in ("/nowhere", "/events/17"):
        reply = await ask(app, "GET", path, (b"x-request-id", b"mine"))
        assert (reply.headers["x-request-id"], reply.json["request_id"]) == ("mine", "mine")


async def test_other_routes_count_in_the_same_series(app: Lanes) -> None:
    await ask(app, "GET", "/healthz")
    await ask(app, "GET", "/nowhere")
    await ask(app, "GET", "/register_event")
    text = (await ask(app, "GET", "/metrics")).body.decode()
    for labels in (
        'handler="/healthz",method="GET",status="200"',
        'handler="none",method="GET",status="404"',
        'handler="/register_event",method="GET",status="405"',
        'handler="/register_event",method="POST",status="201"',
    ):
        assert f"http_requests_total{{{labels}}}" in text, labels
    assert 'http_request_duration_seconds_count{handler="/healthz",method="GET"} 1.0' in text


def test_the_document_is_openapi(document: dict[str, Any]) -> None:
    assert OpenAPI.model_validate(document).openapi.startswith("3.1")
    missing = [name for name in _references(document) if name not in document["components"]["schemas"]]
    assert missing == []


@pytest.mark.parametrize(
    ("path", "method", "answers"),
    [
        ("/register_event", "post", {201, 202, 400, 401, 405, 408, 413, 415, 422, 429, 500, 503, 504}),
        ("/register_events", "post", {200, 400, 401, 405, 408, 413, 415, 422, 429, 500, 503, 504}),
        ("/events/{event_id}", "get", {200, 422, 503}),
        ("/healthz", "get", {200}),
        ("/readyz", "get", {200, 503}),
        ("/metrics", "get", {200}),
    ],
)
def test_the_document_lists_every_answer(document: dict[str, Any], path: str, method: str, answers: set[int]) -> None:
    responses = document["paths"][path][method]["responses"]
    assert {int(status) for status in responses} == answers
    refusals = {status for status in answers if status >= 400 and path != "/readyz"}
    assert {
        status for status in refusals if "application/problem+json" in responses[str(status)]["content"]
    } == refusals


def test_the_document_lists_every_type_of_problem(document: dict[str, Any]) -> None:
    types = document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    assert {PROBLEM_TYPE + reason for reason in Rejection} < set(types)


def test_the_documents_event_is_the_contracts(document: dict[str, Any]) -> None:
    assert document["components"]["schemas"]["Event"]["properties"].keys() == Event.model_fields.keys()


async def test_the_docs_page_is_served(app: Lanes) -> None:
    page = await ask(app, "GET", "/docs")
    assert page.status == 200
    assert b"/openapi.json" in page.body
    assert loads((await ask(app, "GET", "/openapi.json")).body)["info"]["title"] == "Event pipeline"


def _references(part: Any) -> list[str]:
    match part:
        case {"$ref": str(reference)}:
            return [reference.rpartition("/")[2]]
        case dict():
            return [name for value in part.values() for name in _references(value)]
        case list():
            return [name for value in part for name in _references(value)]
    return []


async def test_a_gateway_without_a_place_for_its_spool_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "spool.db"
    app = create_app(ApiSettings(metrics_port=0, spool=SpoolSettings(path=path)))
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(SpoolUnusable):
        await app({"type": "lifespan", "state": {}}, receive, send)
    (failed,) = sent
    assert failed["type"] == "lifespan.startup.failed"
    assert failed["message"].count("\n") == 0
    assert f"{path} cannot be opened" in failed["message"]
    assert "Set SPOOL_PATH" in failed["message"]

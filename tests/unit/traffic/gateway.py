"""A small real HTTP server that answers as a test says; by default as the gateway would, by the contract."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import uuid4

from pydantic import ValidationError

from contract.codec import encode, parse


class Call(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    status: int
    document: Any
    headers: Mapping[str, str] = MappingProxyType({})


Behaviour = Callable[[Call], Answer | None]
"""None hangs up without an answer."""


def by_contract(call: Call) -> Answer:
    if call.path == "/readyz":
        return Answer(200, {"status": "ready"})
    if call.path == "/register_events":
        lines = enumerate(call.body.split(b"\n"))
        return Answer(200, {"results": [{"index": index} | result(register(line)) for index, line in lines]})
    if call.headers["content-type"] != "application/json":
        return refusal(415)
    return register(call.body)


def register(body: bytes) -> Answer:
    try:
        event = parse(body)
        encode(event, event.event_id or str(uuid4()), "2026-01-01T00:00:00Z")
    except ValidationError as error:
        return refusal(400 if error.errors()[0]["type"] == "json_invalid" else 422)
    return accepted(str(event.event_id))


def accepted(event_id: str, status: int = 201) -> Answer:
    return Answer(status, {"event_id": event_id, "status": {201: "published", 202: "spooled"}[status]})


def refusal(status: int, **headers: str) -> Answer:
    problem = {"title": f"problem {status}", "status": status, "errors": [{"pointer": "/user_id", "message": "bad"}]}
    return Answer(status, problem, headers)


def result(answer: Answer) -> dict[str, Any]:
    """A single event's answer as it stands in a batch."""
    return answer.document if answer.status < 300 else {"status": "rejected", "problem": answer.document}


class Gateway:
    """What it was asked is in ``calls``; ``behaviour`` may be changed at any time."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.calls: list[Call] = []
        self.behaviour: Behaviour = by_contract

    def answers(self, *answers: Answer | None) -> None:
        """Give these answers, then go on by the contract."""
        remaining = iter(answers)
        self.behaviour = lambda call: next(remaining, None) if len(self.calls) <= len(answers) else by_contract(call)

    @property
    def event_ids(self) -> list[str]:
        return [json.loads(call.body)["event_id"] for call in self.calls]


@contextmanager
def running_gateway() -> Iterator[Gateway]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            call = Call(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            if self.path != "/readyz":
                gateway.calls.append(call)
            answer = gateway.behaviour(call)
            if answer is None:
                self.close_connection = True
                return
            content = answer.document if isinstance(answer.document, bytes) else json.dumps(answer.document).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(content)), **answer.headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = handle_any

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        gateway = Gateway(server.server_port)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield gateway
        finally:
            server.shutdown()
            thread.join()

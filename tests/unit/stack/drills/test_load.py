import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from stack.drills.load import Load
from tests.unit.stack.prometheus_double import serving
from tests.waiting import until


class Gateway(ThreadingHTTPServer):
    """Answers batches with a status for each event, or refuses them whole."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses, self.refuses = ("published",), False
        self.events: list[dict[str, Any]] = []

    def load(self) -> Load:
        return Load(f"http://127.0.0.1:{self.server_port}", "postgresql://nobody", rate=200)


class _Handler(BaseHTTPRequestHandler):
    server: Gateway

    def do_POST(self) -> None:
        events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.events += events
        words = self.server.statuses
        results = [{"event_id": event["event_id"], "status": words[at % len(words)]} for at, event in enumerate(events)]
        content = json.dumps({"results": results}).encode()
        self.send_response(503 if self.server.refuses else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with serving(server := Gateway()):
        yield server


def test_published_and_spooled_events_are_accepted_and_others_are_refused(gateway: Gateway) -> None:
    gateway.statuses = ("published", "spooled", "rejected")
    with gateway.load() as load:
        until(lambda: load.accepted >= 20, within=30)
    assert load.accepted + load.refused == len(gateway.events)
    assert load.refused > 0


def test_a_batch_that_is_refused_as_a_whole_is_refused_event_by_event(gateway: Gateway) -> None:
    gateway.refuses = True
    with gateway.load() as load:
        until(lambda: load.refused >= 20, within=30)
    assert load.accepted == 0


def test_events_without_an_answer_are_neither_accepted_nor_refused() -> None:
    with Load("http://127.0.0.1:9", "postgresql://nobody", rate=200) as load:  # nobody listens on discard
        until(lambda: load.unanswered > 0, within=30)
    assert (load.accepted, load.refused) == (0, 0)


def test_at_rest_nothing_is_sent_until_it_goes_on(gateway: Gateway) -> None:
    with gateway.load() as load:
        until(lambda: gateway.events, within=30)
        load.rest()
        sent = len(gateway.events)
        assert load.accepted == sent
        load.go_on()
        until(lambda: len(gateway.events) > sent, within=30)


def test_its_events_are_of_as_many_users_as_asked_and_their_ids_are_their_own(gateway: Gateway) -> None:
    with gateway.load() as load:
        load.users = 3
        until(lambda: len(gateway.events) > 200, within=30)
    assert len({event["user_id"] for event in gateway.events[100:]}) == 3
    assert len({event["event_id"] for event in gateway.events}) == len(gateway.events)

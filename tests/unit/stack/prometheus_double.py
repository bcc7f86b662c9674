"""A server that answers as Prometheus's HTTP API does, with what a test puts in; real HTTP, no real numbers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs


class PrometheusDouble(ThreadingHTTPServer):
    """``answers`` maps a query to its result; any other query is refused. ``asked`` keeps what came in."""

    daemon_threads = True

    def __init__(self, answers: dict[str, list[dict[str, Any]]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.asked: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: PrometheusDouble

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        words = {name: values[0] for name, values in parse_qs(body).items()}
        self.server.asked.append((self.path, words))
        if words["query"] in self.server.answers:
            self._send(200, {"status": "success", "data": {"result": self.server.answers[words["query"]]}})
        else:
            self._send(400, {"status": "error", "error": "parse error"})

    def _send(self, status: int, document: dict[str, Any]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    """Answers while the block runs."""
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

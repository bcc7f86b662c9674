"""The dashboards without Grafana: a page that draws the very files Grafana is provisioned with, from Prometheus.

    python -m stack.board --prometheus http://127.0.0.1:9090              serve it, live
    python -m stack.board --prometheus http://127.0.0.1:9090 --save run.html --from now-15m

Addresses are Grafana's: /d/<uid>?from=now-5m&to=now, /api/health.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from requests import RequestException
from rich.console import Console

from stack.board_page import DASHBOARDS, HOME, asset, load_dashboards, render_live, render_saved
from stack.board_queries import Dashboard, all_panels, default_variables, parse_range
from stack.board_source import POINTS, PrometheusSource


class BoardServer(ThreadingHTTPServer):
    """Serves the page and the panels' data; port 0 takes a free one. Raises OSError when the port is taken."""

    daemon_threads = True

    def __init__(self, host: str, port: int, source: PrometheusSource, dashboards: dict[str, Dashboard]) -> None:
        super().__init__((host, port), _Handler)
        self.source = source
        self.dashboards = dashboards


class _Handler(BaseHTTPRequestHandler):
    server: BoardServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        words = {name: values[-1] for name, values in parse_qs(address.query).items()}
        try:
            self._route(address.path.strip("/").split("/"), words)
        except LookupError:
            self._send(404, "text/plain", f"nothing at {address.path}".encode())
        except RequestException as error:
            self._send(502, "text/plain", f"Prometheus does not answer: {error}".encode())
        except ValueError as error:
            self._send(400, "text/plain", str(error).encode())

    def _route(self, parts: list[str], words: dict[str, str]) -> None:
        match parts:
            case [""]:
                self._send(302, "text/plain", b"", {"Location": f"/d/{HOME}"})
            case ["d", uid, *_] if uid in self.server.dashboards:
                self._send(200, "text/html", render_live(self.server.dashboards).encode())
            case ["api", "health"]:
                self._json({"database": "ok", "version": "board"})
            case ["api", "panels", uid, number]:
                self._json(self._panel(uid, int(number), words))
            case ["api", "annotations", uid]:
                shown = parse_range(words["from"], words["to"])
                self._json(self.server.source.annotations(self.server.dashboards[uid], shown))
            case ["static", name]:
                kind, content = asset(name)
                self._send(200, kind, content, {"Cache-Control": "max-age=3600"})
            case _:
                raise LookupError

    def _panel(self, uid: str, number: int, words: dict[str, str]) -> dict[str, Any]:
        dashboard = self.server.dashboards[uid]
        panel = {entry["id"]: entry for entry in all_panels(dashboard)}[number]
        chosen = {name: words.get(f"var-{name}", value) for name, value in default_variables(dashboard).items()}
        shown = parse_range(words["from"], words["to"])
        return self.server.source.panel(panel, chosen, shown, int(words.get("points", POINTS)))

    def _json(self, document: object) -> None:
        self._send(200, "application/json", json.dumps(document).encode())

    def _send(self, status: int, kind: str, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        text = "; charset=utf-8" if kind.startswith("text/") else ""
        sized = {"Content-Type": kind + text, "Content-Length": str(len(content))}
        for name, value in {**sized, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not worth a line; a page asks for thirty every five seconds."""


def _options() -> Namespace:
    parser = ArgumentParser("python -m stack.board", description="Draws Grafana's dashboards without Grafana.")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL", help="default: %(default)s")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; default: %(default)s")
    parser.add_argument("--port", type=int, default=3000, help="default: %(default)s")
    parser.add_argument("--dashboards", type=Path, default=DASHBOARDS, metavar="DIR", help="folder of JSON files")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write one page with all data in it, and end")
    parser.add_argument("--from", dest="start", default="now-5m", help="of what is saved; default: %(default)s")
    parser.add_argument("--to", dest="end", default="now", help="of what is saved; default: %(default)s")
    return parser.parse_args()


def main() -> int:
    options, console = _options(), Console()
    source = PrometheusSource(options.prometheus.rstrip("/"))
    try:
        dashboards = load_dashboards(options.dashboards)
        if options.save:
            options.save.write_text(render_saved(dashboards, source, parse_range(options.start, options.end)))
            console.print(f"saved {options.save}")
            return 0
        server = BoardServer(options.host, options.port, source, dashboards)
    except (OSError, ValueError) as error:
        console.print(f"no board: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    console.print(f"dashboards on http://{options.host}:{server.server_port}/")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Log lines of services: text as programs really write it, with all that upsets a careless reader."""

from collections.abc import Iterator
from random import Random

from pydantic import JsonValue

from traffic.scenarios.draft import Draft, Popularity, interleave

SERVICES = ("checkout", "catalog", "search", "payments", "mailer", "auth", "recommender", "edge")
REQUESTS = 40
INFO = (
    "GET /api/v1/items/{id} 200 in {ms} ms",
    "user logged in: José Ñandú <jose@example.com>",
    "配送先を更新しました (order {id}) ✅",
    'template {{"name": "{{user}}", "id": {id}}} rendered, 100 % of %s placeholders kept',
    "\x1b[32mINFO\x1b[0m cache warmed in {ms} ms",
    "path C:\\temp\\new\\{id}.txt → \\\\share\\röntgen",
    "\ttabbed\tvalue={id};\r\nsecond line after a carriage return",
)
WARNINGS = (
    "slow query ({ms} ms): SELECT * FROM orders WHERE note = 'it''s \"quoted\"' -- {id}",
    "retrying upstream 🐌 attempt 2/3, backoff {ms} ms",
    "\x1b[33;1mWARN\x1b[0m deprecated header <script>alert({id})</script>",
    "الذاكرة المتاحة منخفضة: {ms} MB; zero\u200bwidth and right-to-left \u202emarks\u202c",
)
ERRORS = ("ConnectionResetError: [Errno 104] peer {id}", "KeyError: 'sku-{id}'", "TimeoutError: no answer in {ms} ms")
FRAMES = ("app/views.py", "app/orders.py", "lib/http/client.py", "lib/pool.py")


def logs(rng: Random) -> Iterator[Draft]:
    popular = Popularity(rng, len(SERVICES))
    return interleave(rng, REQUESTS, lambda: _request(rng, SERVICES[popular.draw() - 1]))


def _request(rng: Random, service: str) -> Iterator[Draft]:
    """The lines one request leaves behind; they share its trace id."""
    instance = f"{service}-{rng.randrange(4)}"
    trace: dict[str, JsonValue] = {"service": service, "trace_id": f"{rng.getrandbits(128):032x}"}
    for _ in range(rng.randrange(1, 8)):
        level = rng.choices(("debug", "info", "warning", "error"), (20, 65, 10, 5))[0]
        yield Draft(f"log.{level}", instance, trace | {"span_id": f"{rng.getrandbits(64):016x}"} | _line(rng, level))


def _line(rng: Random, level: str) -> dict[str, JsonValue]:
    templates = {"warning": WARNINGS, "error": ERRORS}.get(level, INFO)
    message = rng.choice(templates).format(id=rng.randrange(10**6), ms=int(rng.lognormvariate(3, 1.2)))
    line: dict[str, JsonValue] = {"level": level, "message": message, "thread": rng.randrange(16)}
    return line | {"stack_trace": _stack_trace(rng, message)} if level == "error" else line


def _stack_trace(rng: Random, message: str) -> str:
    frames = (
        f'  File "/srv/{rng.choice(FRAMES)}", line {rng.randrange(1, 400)}, in step_{depth}\n    return call({depth})'
        for depth in range(rng.randrange(2, 9))
    )
    return "\n".join(("Traceback (most recent call last):", *frames, message))

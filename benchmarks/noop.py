"""Servers that do nothing: how much of a request is HTTP, and how much the framework."""

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from benchmarks.baseline import BaselineSettings, Event


async def raw(scope: Scope, receive: Receive, send: Send) -> None:
    """A bare ASGI application: reads the body, answers two bytes."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


framework = FastAPI()


@framework.post("/register_event")
async def register_event(event: Event) -> dict[str, str]:
    return {}


@framework.get("/readyz")
async def ready() -> dict[str, str]:
    return {}


if __name__ == "__main__":
    server: Any = {"raw": raw, "fastapi": framework}[sys.argv[1]]
    uvicorn.run(server, host="127.0.0.1", port=BaselineSettings().port, access_log=False, log_level="warning")

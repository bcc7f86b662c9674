"""The gateway everybody writes first: FastAPI, a pydantic model, ``send().get()`` in a sync endpoint.

Run by uvicorn as it comes. It is what the others are compared with, so it stays as it is. Acknowledged under
/register_event and /register_events; under /forget/… it answers before the broker has anything.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import uvicorn
from fastapi import FastAPI
from kafka import KafkaProducer
from kafka.producer.future import FutureRecordMetadata
from pydantic import BaseModel
from pydantic_settings import BaseSettings

from benchmarks.topics import BASELINE
from contract.kafka import KafkaSettings


class BaselineSettings(BaseSettings):
    """Environment names as upper case: PORT."""

    port: int = 8000


class Event(BaseModel):
    event_type: str
    user_id: str
    occurred_at: datetime | None = None
    source: str | None = None
    properties: dict[str, Any] = {}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.producer = KafkaProducer(
        bootstrap_servers=KafkaSettings().servers,
        acks="all",
        value_serializer=lambda value: json.dumps(value).encode(),
    )
    app.state.producer.partitions_for(BASELINE.name)
    yield
    app.state.producer.close(timeout=5)


app = FastAPI(lifespan=lifespan)


def publish(event: Event) -> FutureRecordMetadata:
    value = event.model_dump(mode="json")
    return app.state.producer.send(BASELINE.name, value, key=event.user_id.encode())


@app.post("/register_event", status_code=201)
def register_event(event: Event) -> dict[str, Any]:
    metadata = publish(event).get(timeout=10)
    return {"status": "published", "partition": metadata.partition, "offset": metadata.offset}


@app.post("/register_events")
def register_events(events: list[Event]) -> dict[str, Any]:
    sent = [publish(event) for event in events]
    return {"offsets": [future.get(timeout=10).offset for future in sent]}


@app.post("/forget/register_event", status_code=202)
def forget_event(event: Event) -> dict[str, str]:
    publish(event)
    return {"status": "sent"}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=BaselineSettings().port, access_log=False, log_level="warning")

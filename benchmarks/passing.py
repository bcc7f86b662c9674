"""The least that a gateway on librdkafka can do with a batch: cut it up, hand its events over, and wait for the acks.

It looks at no event but for its key, gives none an id, counts nothing, and could not say where one is or what became of
it when Kafka is away. What ours takes beyond that is the price of doing so.
"""

import asyncio
from typing import Any, Final

import msgspec
import uvicorn
from confluent_kafka import Producer
from starlette.types import Receive, Scope, Send

from api.publisher.librdkafka import configuration
from benchmarks.baseline import BaselineSettings
from benchmarks.topics import BASELINE
from contract.kafka import KafkaSettings

_HEADERS: Final = [("schema_version", b"1"), ("request_id", b"00000000-0000-0000-0000-000000000000")]
_POLL_SECONDS: Final = 0.001


class Keyed(msgspec.Struct, gc=False):
    """What of an event is looked at."""

    user_id: str


class Passing:
    """A bare ASGI application."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        passed = await self._pass_on(body + message["body"])
        answer = b'{"passed":%d}' % passed
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer))]}
        )
        await send({"type": "http.response.body", "body": answer})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        polling = asyncio.create_task(self._poll())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        polling.cancel()
        await send({"type": "lifespan.shutdown.complete"})

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            self._producer.poll(0)

    async def _pass_on(self, body: bytes) -> int:
        events, keys = _EVENTS.decode(body), _KEYS.decode(body)
        acknowledged, open_ones = asyncio.get_running_loop().create_future(), len(events)

        def tell(_error: Any, _message: Any) -> None:
            nonlocal open_ones
            open_ones -= 1
            if not open_ones:
                acknowledged.set_result(None)

        for event, key in zip(events, keys, strict=True):
            self._producer.produce(BASELINE.name, bytes(event), key.user_id, -1, tell, None, 0, _HEADERS)  # type: ignore[arg-type]  # a list it only reads
        await acknowledged
        return len(events)


_EVENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_KEYS: Final = msgspec.json.Decoder(list[Keyed])

if __name__ == "__main__":
    passing = Passing(Producer(configuration(KafkaSettings())))
    uvicorn.run(
        passing, host="127.0.0.1", port=BaselineSettings().port, loop="uvloop", access_log=False, log_level="warning"
    )

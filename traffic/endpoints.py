"""The gateway's two endpoints as a client sees them: how items travel, and how answers are read."""

from typing import Any, Final, NamedTuple, Protocol

from pydantic_core import from_json

from traffic.connection import Response
from traffic.encoding import NDJSON
from traffic.plan import Item

PUBLISHED: Final = 201
SPOOLED: Final = 202


class Reply(NamedTuple):
    """The answer to one item, whichever endpoint gave it: PUBLISHED, SPOOLED, or the status of a problem."""

    status: int
    event_id: str = ""
    detail: str = ""


class Endpoint(Protocol):
    path: str

    def pack(self, items: list[Item]) -> tuple[bytes, str]:
        """The request's body and its media type."""

    def unpack(self, response: Response, count: int) -> list[Reply]:
        """``count`` replies. Raises LookupError, TypeError or ValueError for what is no answer of this endpoint."""


class SingleEvents:
    path = "/register_event"

    def pack(self, items: list[Item]) -> tuple[bytes, str]:
        (item,) = items
        return item.body, item.media_type

    def unpack(self, response: Response, count: int) -> list[Reply]:
        document = from_json(response.content)
        if response.status in (PUBLISHED, SPOOLED):
            return [Reply(response.status, event_id=document["event_id"])]
        return [_refusal(response.status, document)]


class EventBatches:
    path = "/register_events"

    def pack(self, items: list[Item]) -> tuple[bytes, str]:
        return b"\n".join(item.body for item in items), NDJSON

    def unpack(self, response: Response, count: int) -> list[Reply]:
        document = from_json(response.content)
        if response.status != 200:
            return [_refusal(response.status, document)] * count
        results = document["results"]
        if [result["index"] for result in results] != list(range(count)):
            raise ValueError(f"{len(results)} results for {count} events, or not in their order")
        return [_reply(result) for result in results]


def _reply(result: dict[str, Any]) -> Reply:
    match result["status"]:
        case "published":
            return Reply(PUBLISHED, event_id=result["event_id"])
        case "spooled":
            return Reply(SPOOLED, event_id=result["event_id"])
        case _:
            return _refusal(result["problem"]["status"], result["problem"])


def _refusal(status: int, problem: dict[str, Any]) -> Reply:
    messages = [f"{error['pointer']}: {error['message']}" for error in problem.get("errors", ())]
    return Reply(status, detail="; ".join((problem["title"], *messages)))

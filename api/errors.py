"""Everything the gateway refuses, and how it says so.

    GatewayError
    ├── Malformed           400  no JSON, or not the JSON asked for
    ├── Unauthorized        401  no key, or none of ours
    ├── BodyTimeout         408  the body did not arrive in time
    ├── TooLarge            413  body, batch or record beyond its limit
    ├── UnsupportedMedia    415  not JSON, or encoded
    ├── InvalidEvent        422  JSON, but no event
    ├── RateLimited         429  this key sends too fast
    ├── InternalError       500  a bug of ours
    ├── Unconfirmed         504  Kafka may hold it or not: send it again with its id
    └── Unavailable         503  nothing was accepted: try again later
        ├── Overloaded           too many events wait for their acks
        ├── SpoolFull            Kafka is away and the disk buffer is full
        └── Undeliverable        neither Kafka nor the spool took the event

A class carries its status, its title and the reason that labels ``pipeline_events_rejected_total``.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from pydantic import ValidationError

from api.metrics import Rejection

PROBLEM_TYPE = "urn:event-pipeline:problem:"


class GatewayError(Exception):
    """A refusal. ``detail`` tells this client what to mend; ``retry_after`` is in whole seconds.

    One that is kept as a result needs no traceback: that holds the frames it passed, and with them what was refused.
    """

    status: ClassVar[int]
    title: ClassVar[str]
    reason: ClassVar[Rejection]
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, detail: str, *, retry_after: int | None = None, errors: list[dict[str, str]] | None = None):
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        self.errors = errors or []

    def problem(self, request_id: str | None = None) -> dict[str, Any]:
        """The refusal as an RFC 9457 problem; ``request_id`` is left out inside a batch, which has one of its own."""
        document: dict[str, Any] = {
            "type": f"{PROBLEM_TYPE}{self.reason}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if request_id is not None:
            document["request_id"] = request_id
        if self.errors:
            document["errors"] = self.errors
        return document


class Malformed(GatewayError):
    status, title, reason = 400, "The body is not the JSON that was asked for", Rejection.MALFORMED


class Unauthorized(GatewayError):
    status, title, reason = 401, "A valid API key is needed", Rejection.UNAUTHORIZED
    headers: ClassVar[dict[str, str]] = {"www-authenticate": "X-API-Key"}


class BodyTimeout(GatewayError):
    status, title, reason = 408, "The body did not arrive in time", Rejection.TIMEOUT
    headers: ClassVar[dict[str, str]] = {"connection": "close"}  # else the rest of the body would keep it open


class TooLarge(GatewayError):
    status, title, reason = 413, "The request is too large", Rejection.TOO_LARGE


class UnsupportedMedia(GatewayError):
    status, title, reason = 415, "The media type is not supported", Rejection.MEDIA_TYPE


class InvalidEvent(GatewayError):
    status, title, reason = 422, "The event is not valid", Rejection.VALIDATION


class RateLimited(GatewayError):
    status, title, reason = 429, "Too many events for this key", Rejection.RATE_LIMITED


class InternalError(GatewayError):
    status, title, reason = 500, "The gateway failed", Rejection.INTERNAL


class Unconfirmed(GatewayError):
    """The one refusal after which the event may be stored all the same."""

    status, title, reason = 504, "The event's fate is unknown", Rejection.UNCONFIRMED


class Unavailable(GatewayError):
    """Nothing was accepted; the same request may be sent again."""

    status, title, reason = 503, "The event was not accepted", Rejection.UNAVAILABLE


class Overloaded(Unavailable):
    title, reason = "Too many events are waiting", Rejection.OVERLOAD


class SpoolFull(Unavailable):
    title, reason = "Kafka is away and the disk buffer is full", Rejection.SPOOL_FULL


class Undeliverable(Unavailable):
    title = "Neither Kafka nor the disk buffer took the event"


def from_validation(error: ValidationError) -> GatewayError:
    """The refusal for what pydantic found: 400 when it was no JSON, else 422 with a pointer to each fault."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if faults[0]["type"] == "json_invalid":
        return Malformed(faults[0]["msg"])
    errors = [{"pointer": json_pointer(fault["loc"]), "message": fault["msg"]} for fault in faults]
    return InvalidEvent(f"{len(errors)} of the event's values cannot be accepted.", errors=errors)


def json_pointer(path: Iterable[str | int]) -> str:
    """RFC 6901; the empty pointer is the whole document. Names may be a megabyte long, which nobody reads: cut off."""
    parts = (str(part)[:_MOST_POINTER].replace("~", "~0").replace("/", "~1") for part in path)
    return "".join("/" + part for part in parts)[:_MOST_POINTER]


_MOST_POINTER = 1_000

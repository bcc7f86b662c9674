"""What is checked before an event is looked at: the key, the media type, the size, and how long the body takes."""

import re
from asyncio import timeout
from collections.abc import Collection, Coroutine, Generator
from hmac import compare_digest
from itertools import count
from os import urandom
from types import coroutine
from typing import Any, Final, NamedTuple

from pydantic import SecretStr
from starlette.types import Receive, Scope

from api.errors import BodyTimeout, Malformed, RateLimited, TooLarge, Unauthorized, UnsupportedMedia
from api.limits import RateLimit

JSON: Final = b"application/json"
NDJSON: Final = b"application/x-ndjson"

_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
_CHARSET = re.compile(rb"""(?:^|;)\s*charset\s*=\s*"?([^\s";]*)""", re.IGNORECASE)
_UTF8 = (b"utf-8", b"utf8")


class Call(NamedTuple):
    """A request that was let in, as far as its head tells."""

    request_id: bytes
    traceparent: bytes | None
    media_type: bytes
    key: str


class RequestIds:
    """Ids for requests that bring none: unique to this process, and cheap."""

    def __init__(self) -> None:
        self._prefix, self._numbers = urandom(6).hex().encode(), count(1)

    def of(self, headers: dict[bytes, bytes]) -> bytes:
        """The client's own X-Request-Id if it is 1 to 128 printable ASCII characters, else a new one."""
        given = headers.get(b"x-request-id")
        if given is not None and _REQUEST_ID.fullmatch(given):
            return given
        return b"%s-%x" % (self._prefix, next(self._numbers))


class Admission:
    """Lets requests in, or raises what refuses them."""

    def __init__(self, keys: Collection[SecretStr], rate_limit: RateLimit, body_timeout_seconds: float) -> None:
        self._keys = [key.get_secret_value().encode() for key in keys]
        self._rate_limit = rate_limit
        self._body_timeout_seconds = body_timeout_seconds

    def check(self, headers: dict[bytes, bytes], request_id: bytes, media_types: Collection[bytes]) -> Call:
        """Raises Unauthorized or UnsupportedMedia."""
        key = self._check_key(headers.get(b"x-api-key", b""))
        if b"content-encoding" in headers:
            _check_encoding(headers[b"content-encoding"])
        media_type = _media_type(headers.get(b"content-type", b""), media_types)
        traceparent = headers.get(b"traceparent")
        if traceparent is not None and not _TRACEPARENT.fullmatch(traceparent):
            traceparent = None  # as W3C trace context asks: what cannot be read is dropped, not passed on
        return Call(request_id, traceparent, media_type, key)

    def charge(self, key: str, events: int) -> None:
        """Count events against the key's rate. Raises RateLimited."""
        if wait := self._rate_limit.admit(key, events):
            raise RateLimited("The rate limit of this key is used up.", retry_after=wait)

    async def body(self, scope_headers: dict[bytes, bytes], receive: Receive, most: int) -> bytes:
        """The whole body. Raises TooLarge beyond ``most`` bytes, BodyTimeout, and Malformed when the client leaves."""
        announced = scope_headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced) > most:
            raise _too_large(most)
        reading = _read(receive, most)
        try:
            first = reading.send(None)  # nearly always all of it is here, and no timer need be armed
        except StopIteration as finished:
            body: bytes = finished.value
            return body
        try:
            async with timeout(self._body_timeout_seconds):
                return await _go_on(reading, first)
        except TimeoutError:
            raise BodyTimeout(f"The body was not complete after {self._body_timeout_seconds} s.") from None

    def _check_key(self, given: bytes) -> str:
        if not self._keys:
            return ""
        if not any(compare_digest(given, key) for key in self._keys):
            raise Unauthorized("Send one of the gateway's keys in the header X-API-Key.")
        return given.decode()


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """By lower-case name; of a repeated header the last one counts."""
    return dict(scope["headers"])


async def _read(receive: Receive, most: int) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False) and len(body) <= most and message["type"] == "http.request":
        return body  # nearly always: the whole body in one message
    chunks, size = [body], len(body)
    while message["type"] == "http.request" and message.get("more_body", False) and size <= most:
        message = await receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
    if message["type"] != "http.request":
        raise Malformed("The client went away before the body was complete.")
    if size > most:
        raise _too_large(most)
    return b"".join(chunks)


@coroutine
def _go_on(reading: Coroutine[Any, None, bytes], awaited: Any) -> Generator[Any, None, bytes]:
    """Await a coroutine that has run up to its first wait."""
    try:
        yield awaited
        return (yield from reading.__await__())
    finally:
        reading.close()


def _check_encoding(encoding: bytes) -> None:
    encoding = encoding.strip().lower()
    if encoding not in (b"identity", b""):
        raise UnsupportedMedia(f"Content-Encoding {encoding.decode('latin-1')!r} is not supported: send it plain.")


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The body has more than the {most} bytes that are allowed here.")


def _media_type(content_type: bytes, allowed: Collection[bytes]) -> bytes:
    if content_type in allowed:
        return content_type  # nearly always: as it is spelled here
    media_type, _, parameters = content_type.partition(b";")
    media_type = media_type.strip().lower()
    if media_type not in allowed or _charset(parameters) not in _UTF8:
        wanted = " or ".join(kind.decode() for kind in allowed)
        raise UnsupportedMedia(f"Content-Type must be {wanted} in UTF-8, not {content_type.decode('latin-1')!r}.")
    return media_type


def _charset(parameters: bytes) -> bytes:
    found = _CHARSET.search(parameters)
    return found[1].lower() if found else b"utf-8"

"""Events written the plain way, as most are: structs that msgspec reads, and what their types cannot tell.

They may be stricter than the definition in ``contract.event``, and are never more lenient.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from contract.event import EVENT_TYPE

NOT_PLAIN: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What reading one may raise, when it needs a closer look."""

_MOST_BRACKETS = 150  # with fewer of them nothing is nested deeper than the definition takes
_SHALLOW = 2 * _MOST_BRACKETS  # bytes, likewise
(_BACKSLASH,) = b"\\"

_Text = Annotated[str, msgspec.Meta(max_length=128)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Ours = Annotated[str, msgspec.Meta(pattern="(?!)")]  # nothing matches: clients cannot send it


class Reading(msgspec.Struct, kw_only=True, gc=False, forbid_unknown_fields=True):
    """An event as it was read. Its id and instants are texts, in the one form that every station reads.

    Encoding sets what the gateway knows of it: ``received_at``, and the id of an event that has none of its own.
    """

    event_id: str | UnsetType = UNSET
    event_type: _Text  # bounded, because it is remembered
    user_id: _Name
    occurred_at: str | UnsetType = UNSET
    source: _Text | UnsetType = UNSET
    properties: dict[str, Any] = {}
    received_at: _Ours | UnsetType = UNSET


class StoredReading(Reading, kw_only=True, gc=False, forbid_unknown_fields=True):
    """The event in a record, with its id and the time it reached the gateway."""

    event_id: str
    received_at: str


def check(event: Reading) -> None:
    """Raises ValueError for what the types cannot tell."""
    if not _is_type(event.event_type):
        raise ValueError(event.event_type)
    if isinstance(event.event_id, str) and not _is_id(event.event_id):
        raise ValueError(event.event_id)
    if isinstance(event.occurred_at, str):
        check_instant(event.occurred_at)


def check_all(events: Sequence[Reading]) -> None:
    """Likewise of many, which have much in common."""
    for kind in {event.event_type for event in events}:
        if not _is_type(kind):
            raise ValueError(kind)
    if not all(map(_is_id, [event.event_id for event in events if isinstance(event.event_id, str)])):
        raise ValueError("event_id")
    for text in {event.occurred_at for event in events}:
        if isinstance(text, str):
            check_instant(text)


@lru_cache(maxsize=64)  # events of one request were received together
def check_instant(text: str) -> None:
    """Raises ValueError for anything but a day of the calendar, in UTC, written the usual way.

    The first and last year are left to the definition: in other time zones their days may not exist.
    """
    if text[4:20:3] not in _MARKS or len(text) > len(_LONGEST) or text[-1] != "Z" or text[-2] == ".":
        raise ValueError(text)
    if not "0001" < text[:4] < "9999":
        raise ValueError(text)
    datetime.fromisoformat(text)


def is_suspicious(text: bytes) -> bool:
    """Whether it may hold NUL characters, or be nested too deeply."""
    return has_nul(text) or (len(text) > _SHALLOW and _is_deep(text))


def any_deep(texts: Sequence[bytes]) -> bool:
    """Whether one of them may be nested too deeply."""
    return any(_is_deep(text) for text in texts if len(text) > _SHALLOW)


def has_nul(text: bytes) -> bool:
    return _BACKSLASH in text and b"\\u0000" in text


def _is_deep(text: bytes) -> bool:
    return text.count(b"[") + text.count(b"{") > _MOST_BRACKETS


_is_type = lru_cache(maxsize=1024)(re.compile(EVENT_TYPE).fullmatch)  # there are few, and they come back
# Here, because msgspec's own patterns take three times as long.
_is_id = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_MARKS: Final = frozenset(("--T::.", "--T::Z"))  # between year, month, day, hour, minute, second and what follows
_LONGEST: Final = "2026-01-01T10:00:00.123456Z"

"""The event: what clients send, what a record's value holds, and why something is none.

The limits are those of the last station: PostgreSQL's jsonb refuses NUL characters and has no NaN or Infinity,
so they are refused at the first one.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, JsonValue
from pydantic_core import CoreSchema, PydanticCustomError, ValidationError, core_schema

SCHEMA_VERSION: Final = b"1"
"""Value of the ``schema_version`` header of every record."""

_RFC3339 = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
EVENT_TYPE: Final = r"^[a-z][a-z0-9_.]{0,63}$"
_TEXT = r"^[^\x00]*$"


class _Rfc3339:
    """An instant with its offset; all checks run inside pydantic's core, with no Python call an event."""

    @staticmethod
    def __get_pydantic_core_schema__(_source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        # The first and last day are left out: in UTC they could fall outside the years Python and SQL clients know.
        instant = core_schema.datetime_schema(
            strict=False,
            tz_constraint="aware",
            ge=datetime(1, 1, 2, tzinfo=UTC),
            le=datetime(9999, 12, 30, tzinfo=UTC),
        )
        text = core_schema.chain_schema([core_schema.str_schema(pattern=_RFC3339), instant])
        return core_schema.json_or_python_schema(json_schema=text, python_schema=instant)

    @staticmethod
    def __get_pydantic_json_schema__(_schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


Instant = Annotated[datetime, _Rfc3339]


class Event(BaseModel):
    """An event as a client sends it. Unknown fields are refused; of a repeated JSON key the last one counts."""

    model_config = ConfigDict(extra="forbid", strict=True, ser_json_inf_nan="constants")

    event_id: Annotated[
        UUID | None, Field(description="The sender's own id; makes a repeat harmless. Assigned when absent.")
    ] = None
    event_type: Annotated[
        str,
        Field(
            pattern=EVENT_TYPE,
            description="What happened, in dotted lower case.",
            examples=["page.viewed"],
        ),
    ]
    user_id: Annotated[
        str,
        Field(
            min_length=1,
            max_length=128,
            pattern=_TEXT,
            description="Whose event it is; events of one user keep their order.",
            examples=["user-42"],
        ),
    ]
    occurred_at: Annotated[
        Instant | None, Field(description="When it happened at the sender: RFC 3339 with offset.")
    ] = None
    source: Annotated[
        str | None, Field(max_length=128, pattern=_TEXT, description="Where it comes from.", examples=["web"])
    ] = None
    properties: Annotated[dict[str, JsonValue], Field(description="Anything else, as JSON.")] = {}


class StoredEvent(Event):
    """An event as a record's value holds it: with its id and the time it reached the gateway."""

    event_id: UUID
    received_at: Instant


def refuse_unstorable(event: Event) -> None:
    """Raises ValidationError when the properties hold what PostgreSQL's jsonb would refuse."""
    for path, problem in _unstorable(event.properties, ("properties",)):
        error = PydanticCustomError("not_storable", problem)
        raise ValidationError.from_exception_data("Event", [{"type": error, "loc": path, "input": None}])


def _unstorable(root: JsonValue, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where a JSON value holds a NUL character or a number that is not finite; in the order of the text."""
    unseen = [(place, root)]
    while unseen:
        path, value = unseen.pop()
        match value:
            case str() if "\x00" in value:
                yield path, "Text must not contain the NUL character"
            case float() if not isfinite(value):
                yield path, "Number must be finite: no NaN, no Infinity, nothing beyond 1.8e308"
            case list():
                unseen += [((*path, index), item) for index, item in enumerate(value)][::-1]
            case dict():
                if any("\x00" in key for key in value):
                    yield path, "A name must not contain the NUL character"
                unseen += [((*path, key), item) for key, item in value.items()][::-1]

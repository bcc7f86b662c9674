"""How bodies are written."""

from typing import Any, Final

from pydantic_core import to_json

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"


def dump(value: Any) -> bytes:
    """One line of JSON; NaN and Infinity stand as such."""
    return to_json(value, inf_nan_mode="constants")

"""How many values JSON holds, told from its bytes at a fraction of the price of reading it.

A megabyte has room for half a million values, and to read those, or to tell what is wrong with one, takes most of a
second, in which one thread does nothing else.
"""

import re
from typing import Final

MOST_VALUES: Final = 20_000
"""In an event. Reading that many, and telling which of them is at fault, takes some hundredths of a second."""

TEXT: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
"""A JSON text, as a regular expression that never goes back."""

_TEXTS = re.compile(TEXT, re.DOTALL)


def is_crowded(json: bytes, most: int = MOST_VALUES) -> bool:
    """Whether its lists and objects have more than so many items; an empty one counts for one."""
    if len(json) <= 2 * most or separators(json) <= most:
        return False
    quotes = json.count(b'"') - json.count(b'\\"')
    if quotes > 4 * most:  # each text is a value or a name
        return True
    return separators(_TEXTS.sub(b"", json)) > most


def separators(json: bytes) -> int:
    """Each item has one before it; those within texts count, too."""
    return json.count(b",") + json.count(b"[") + json.count(b"{")

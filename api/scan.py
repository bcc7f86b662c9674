"""The items of a large JSON array, found without reading them, and in turns with whoever else waits.

A reader in C is faster, but does not let go of the thread before it has found the last of them.
"""

import re
from collections.abc import Iterator
from typing import Final

from api.turns import Turns
from contract.crowd import TEXT

_OFTEN: Final = 500
_TOKEN: Final = re.compile(TEXT + rb'|[][{},"]', re.DOTALL)
_STEP: Final = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}


async def scan(body: bytes, most: int) -> list[bytes]:
    """The first ``most`` items, none of which was looked into. Raises ValueError that tells why it is no array."""
    if not body.lstrip().startswith(b"["):
        raise ValueError("Input should be a valid list")
    found, start, turns = list[bytes](), body.index(b"[") + 1, Turns()
    for end in _ends(body):
        if end is None:
            await turns.take()
        elif len(found) < most:
            found.append(body[start:end])
            start = end + 1
        else:
            break
    return found


def _ends(body: bytes) -> Iterator[int | None]:
    """Where each item ends; and None now and then."""
    depth = 0
    for count, token in enumerate(_TOKEN.finditer(body)):
        mark = token[0]
        if mark == b'"':
            raise ValueError(f"the text at byte {token.start()} has no end")
        if depth == 1 and mark in (b",", b"]"):
            yield token.start()
        depth += _STEP.get(mark, 0)
        if not depth:
            return _check_end(mark + body[token.end() :].strip())
        if not count % _OFTEN:
            yield None
    raise ValueError("it has no end")


def _check_end(end: bytes) -> None:
    if end != b"]":
        raise ValueError("its brackets do not match, or more follows behind its end")

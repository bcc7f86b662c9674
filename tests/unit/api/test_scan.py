"""An array's items without reading them, held against a reader's."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.scan import scan

a_value = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=True) | st.text(max_size=8) | st.sampled_from(['"', "\\", "],["]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


def items(body: bytes, most: int = 100) -> list[bytes]:
    return asyncio.run(scan(body, most))


@given(st.lists(a_value, min_size=1, max_size=8), st.integers(1, 10), st.sampled_from([None, 2]))
def test_the_items_are_those_a_reader_finds(values: list[Any], most: int, indent: int | None) -> None:
    found = items(json.dumps(values, indent=indent).encode(), most)
    assert repr([json.loads(item) for item in found]) == repr(values[:most])


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"a":1}', "valid list"),
        (b"", "valid list"),
        (b"[1,2", "no end"),
        (b'[1,"2]', "byte 3 has no end"),
        (b"[1}", "do not match"),
        (b"[1] 2", "more follows"),
        (b"[[1]", "no end"),
    ],
)
def test_what_is_no_array_is_refused_with_its_reason(body: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        items(body)


def test_an_item_that_is_broken_is_an_item_all_the_same() -> None:
    assert items(b'[1,{"a":},2,NaN]') == [b"1", b'{"a":}', b"2", b"NaN"]


def test_others_have_their_turns_meanwhile() -> None:
    async def turns_of_another() -> int:
        turns, done = 0, asyncio.create_task(scan(b"[" + b"[[]]," * 400_000 + b"1]", 10**6))
        while not done.done():
            await asyncio.sleep(0)
            turns += 1
        return turns

    assert asyncio.run(turns_of_another()) > 3

"""Counting JSON's values without reading it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contract.codec import parse
from contract.crowd import MOST_VALUES, is_crowded

a_value = st.recursive(
    st.none() | st.integers() | st.text(max_size=6) | st.sampled_from(['a,"b', "[{,", "\\", '\\"']),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=30,
)


def count(value: Any) -> int:
    """Items of lists and objects; an empty one counts for one."""
    if not isinstance(value, list | dict):
        return 0
    inner = value if isinstance(value, list) else list(value.values())
    return max(len(inner), 1) + sum(map(count, inner))


@given(a_value, st.integers(1, 30))
def test_what_has_no_more_values_than_allowed_is_never_crowded(value: Any, most: int) -> None:
    if count(value) <= most:
        assert not is_crowded(json.dumps(value).encode(), most)


@pytest.mark.parametrize(
    "properties",
    [
        b'{"a":[' + b"1," * MOST_VALUES + b"1]}",
        b'{"a":[' + b"[]," * MOST_VALUES + b"1]}",
        b'{"a":[' + b'"",' * MOST_VALUES + b'""]}',
        b'{"a":[' + b'{"b":0},' * MOST_VALUES + b"0]}",
        b'{"a":[' + b"1," * MOST_VALUES + b'"\\u0000"]}',
        b'{"a":[' + b"1," * MOST_VALUES + b"NaN]}",
    ],
)
def test_an_event_with_too_many_values_is_refused_unread(properties: bytes) -> None:
    with pytest.raises(ValidationError) as refused:
        parse(b'{"event_type":"a","user_id":"u","properties":%s}' % properties)
    (fault,) = refused.value.errors()
    assert (fault["type"], fault["loc"]) == ("too_many_values", ())


@pytest.mark.parametrize("text", ["1,2," * MOST_VALUES, '{"a":[1]},' * MOST_VALUES])
def test_a_text_may_hold_as_many_commas_and_brackets_as_it_likes(text: str) -> None:
    body = json.dumps({"event_type": "a", "user_id": "u", "properties": {"table": text}})
    assert parse(body).properties == {"table": text}

"""Bodies that would keep the event loop, or the memory, for themselves."""

import asyncio
import time
from collections.abc import Callable

import pytest

from api.admission import JSON, NDJSON
from api.batch import split
from api.errors import GatewayError, InvalidEvent, TooLarge
from api.turns import in_turns
from contract.plain import Reading

pytestmark = pytest.mark.anyio
EVENT = b'{"event_type":"a","user_id":"u"}'


async def test_work_that_takes_long_is_done_in_turns_with_others() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def work(number: int) -> int:
        time.sleep(0.03)  # longer than a turn
        return turns

    task = asyncio.create_task(other())
    assert await in_turns(work, range(4)) == [0, 1, 2, 3]
    task.cancel()


async def test_what_is_quick_is_done_at_once_and_in_order() -> None:
    assert await in_turns(str, range(3)) == ["0", "1", "2"]


async def test_an_error_holds_on_to_nothing_of_the_body() -> None:
    (error,) = await split(b'[{"x":[1,2,3]}]', JSON, 10)
    assert isinstance(error, InvalidEvent)
    assert error.__context__ is error.__traceback__ is None


async def test_a_large_batch_is_read_as_a_small_one_is() -> None:
    event = EVENT[:-1] + b',"properties":{"a":"%s"}}' % (b"x" * 10_000)
    events = await split(b"[" + b",".join([event] * 150 + [b"{}"]) + b"]", JSON, 200)
    assert [event.properties["a"][:3] for event in events[:-1] if isinstance(event, Reading)] == ["xxx"] * 150
    assert isinstance(events[-1], GatewayError)


async def test_the_neighbours_of_what_is_no_json_are_taken_from_a_large_batch() -> None:
    event = EVENT[:-1] + b',"properties":{"a":"%s"}}' % (b"x" * 10_000)
    events = await split(b"[" + b",".join([event] * 150 + [b"NaN"]) + b"]", JSON, 200)
    assert [isinstance(event, Reading) for event in events] == [True] * 150 + [False]


@pytest.mark.parametrize(
    ("make", "media_type"),
    [
        (lambda: b"[" + b"1," * 200_000 + b"1]", JSON),
        (lambda: b"[" + b"{}," * 200_000 + b"NaN]", JSON),
        (lambda: b"1\n" * 200_000, NDJSON),
    ],
)
async def test_too_many_things_that_are_no_events_are_only_counted(
    make: Callable[[], bytes], media_type: bytes
) -> None:
    with pytest.raises(TooLarge, match="more than the 1000 events"):
        await split(make(), media_type, 1000)


@pytest.mark.parametrize("media_type", [JSON, NDJSON])
async def test_a_batch_of_too_many_values_is_refused_as_a_whole(media_type: bytes) -> None:
    with pytest.raises(TooLarge, match="1000000 commas and brackets"):
        await split(b"[" + b"[]," * 500_001 + b"1]", media_type, 1000)


async def test_neighbours_of_a_crowded_event_are_taken() -> None:
    crowded = EVENT[:-1] + b',"properties":{"a":[' + b"1," * 70_000 + b"NaN]}}"
    first, second, third = await split(b"[" + b",".join([EVENT, crowded, EVENT]) + b"]", JSON, 10)
    assert isinstance(first, Reading)
    assert isinstance(second, InvalidEvent)
    assert isinstance(third, Reading)


async def test_blank_lines_are_no_events() -> None:
    assert len(await split(b"\n \n" + EVENT + b"\r\n\n" + EVENT + b"\n" * 100_000, NDJSON, 10)) == 2


async def test_a_name_of_a_megabyte_is_not_sent_back() -> None:
    (refused,) = await split(b'[{"' + b"~" * 1_000_000 + b'":1}]', JSON, 10)
    assert isinstance(refused, InvalidEvent)
    assert max(len(fault["pointer"]) for fault in refused.errors) <= 1_000

"""From an event to its record, and from results to a receipt."""

import asyncio
from datetime import UTC, datetime
from itertools import islice, pairwise
from time import time_ns
from uuid import RFC_4122, UUID

import pytest

from api.errors import InvalidEvent, TooLarge
from api.record import SPOOLED, Arrival, Published, Receipt, uuids7
from contract.codec import decode, parse
from contract.topics import MAX_RECORD_BYTES


def test_ids_are_uuids_of_version_7_with_the_time_of_now() -> None:
    before = time_ns() // 1_000_000
    event_id = UUID(next(uuids7()))
    after = time_ns() // 1_000_000
    assert (event_id.version, event_id.variant) == (7, RFC_4122)
    assert before <= event_id.int >> 80 <= after


def test_ids_do_not_repeat_and_follow_time() -> None:
    ids = [UUID(event_id) for _ in range(1_000) for event_id in islice(uuids7(), 10)]
    assert len(set(ids)) == len(ids)
    milliseconds = [event_id.int >> 80 for event_id in ids]
    assert all(first <= second for first, second in pairwise(milliseconds))


def test_ids_of_one_request_count_on_and_stay_uuids_of_version_7(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.record.getrandbits", lambda bits: (1 << bits) - 2)
    first, second, third = (UUID(event_id) for event_id in islice(uuids7(), 3))
    assert second.int == first.int + 1
    assert third.hex == first.hex[:20] + 12 * "0"  # around, without a carry into the variant
    assert {(event_id.version, event_id.variant) for event_id in (first, second, third)} == {(7, RFC_4122)}


def test_all_74_random_bits_are_used() -> None:
    seen, unseen = 0, (1 << 128) - 1
    for _ in range(200):
        seen |= UUID(next(uuids7())).int
        unseen &= UUID(next(uuids7())).int
    changing = seen & ~unseen & ((1 << 80) - 1)
    assert changing.bit_count() == 74


def test_a_record_holds_the_event_with_its_id_and_the_time_of_receipt() -> None:
    before = datetime.now(UTC)
    record = Arrival(b"request", b"trace").record(parse('{"event_type":"a","user_id":"schlüssel"}'))
    stored = decode(record.value)
    assert stored.event_id == record.event_id
    assert before <= datetime.fromisoformat(stored.received_at) <= datetime.now(UTC)
    assert record.key == "schlüssel".encode()
    assert record.headers == [("schema_version", b"1"), ("request_id", b"request"), ("traceparent", b"trace")]


def test_without_a_trace_there_is_no_header_for_it() -> None:
    record = Arrival(b"request", None).record(parse('{"event_type":"a","user_id":"u"}'))
    assert [name for name, _ in record.headers] == ["schema_version", "request_id"]


def test_what_postgresql_would_refuse_is_no_event() -> None:
    with pytest.raises(InvalidEvent):
        Arrival(b"request", None).record(parse('{"event_type":"a","user_id":"u","properties":{"a":"\\u0000"}}'))


def test_a_record_that_would_not_fit_is_refused_and_the_largest_that_fits_is_not() -> None:
    def of(size: int) -> int:
        text = "x" * size
        event = parse(f'{{"event_type":"a","user_id":"{"🙂" * 128}","properties":{{"a":"{text}"}}}}')
        return len(Arrival(b"r" * 128, b"t" * 55).record(event).value)

    overhead = of(0)
    assert of(MAX_RECORD_BYTES - 2_048 - overhead) == MAX_RECORD_BYTES - 2_048
    with pytest.raises(TooLarge):
        of(MAX_RECORD_BYTES - 2_048 - overhead + 1)


def test_many_records_at_once_are_what_they_are_one_by_one() -> None:
    own = "0190a6f2-7c3a-7b1e-8f2a-0123456789ab"
    bodies = [
        '{"event_type":"a","user_id":"schlüssel"}',
        f'{{"event_type":"a","user_id":"u","event_id":"{own}","source":"a\\n}}\\n{{"}}',
        '{"event_type":"a","user_id":"u","properties":{"a":[1,{"b":"}\\n"}],"c":null}}',
    ]
    arrival = Arrival(b"request", b"trace")
    records = arrival.records([parse(body) for body in bodies])
    assert records is not None
    assert [record.event_id == own for record in records] == [False, True, False]
    assert len({record.event_id for record in records}) == 3
    for record, body in zip(records, bodies, strict=True):
        event = parse(body)
        event.event_id = record.event_id
        assert record == arrival.record(event)


@pytest.mark.parametrize("spoiler", ['"a\\u0000"', f'"{"x" * MAX_RECORD_BYTES}"', "[" * 160 + "]" * 160])
def test_many_of_which_one_needs_a_closer_look_are_left_alone(spoiler: str) -> None:
    bodies = ['{"event_type":"a","user_id":"u"}', f'{{"event_type":"a","user_id":"u","properties":{{"a":{spoiler}}}}}']
    assert Arrival(b"request", None).records([parse(body) for body in bodies]) is None


def test_no_events_are_no_records() -> None:
    assert Arrival(b"request", None).records([]) == []


@pytest.mark.anyio
async def test_a_receipt_is_complete_with_its_last_result() -> None:
    receipt = Receipt(2)
    waiting = asyncio.create_task(receipt.results())
    receipt.settle({1: SPOOLED})
    await asyncio.sleep(0)
    assert not waiting.done()
    receipt.settle({0: Published(3, 7)})
    assert await waiting == [Published(3, 7), SPOOLED]


@pytest.mark.anyio
async def test_an_empty_receipt_is_complete_at_once() -> None:
    assert await Receipt(0).results() == []


@pytest.mark.anyio
async def test_results_after_the_request_was_cancelled_hurt_nobody() -> None:
    receipt = Receipt(1)
    waiting = asyncio.create_task(receipt.results())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    receipt.settle({0: SPOOLED})

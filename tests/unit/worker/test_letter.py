"""A dead letter keeps the record, says why and where from, and knows whether it can go back."""

from typing import Any

import pytest

from contract.topics import DEAD_LETTERS
from tests.unit.worker.records import EVENT_ID, HEADERS, consumed, value
from worker.batch import DeadRecord
from worker.dead_letters import letter
from worker.dead_letters.letter import Header, Letter, replayed_offset
from worker.dead_letters.topic import unreadable
from worker.metrics import Parked


def parked(body: bytes | None, headers: Any = HEADERS) -> Letter:
    """What is read back of a record that was parked."""
    dead = DeadRecord(consumed(body, headers, offset=17), Parked.INVALID, "user_id: Field required")
    _, written, added = letter.write(dead, "event-workers")
    return Letter.read(consumed(written, added, offset=7))


def test_a_letter_is_the_record_unchanged_with_its_reason_and_origin() -> None:
    read = parked(b"\xff anything")
    assert (read.value, read.headers) == (b"\xff anything", list(HEADERS))
    assert (read.reason, read.detail) == ("invalid", "user_id: Field required")
    assert (read.offset, read.origin) == (7, "events/3@17")


def test_a_record_without_a_value_is_told_from_one_with_an_empty_value() -> None:
    assert parked(None).value is None
    assert parked(b"").value == b""


def test_a_record_too_large_for_the_topic_leaves_its_value_at_its_origin() -> None:
    dead = DeadRecord(consumed(b"x" * 5_000_000), Parked.MALFORMED, "no JSON")
    key, written, headers = letter.write(dead, "event-workers")
    size = len(key or b"") + len(written) + sum(len(name) + len(content) for name, content in headers)
    assert size < int(DEAD_LETTERS.config["max.message.bytes"])
    read = Letter.read(consumed(written, headers))
    assert read.value is None
    assert "look at events/3@17" in str(unreadable(read))


@pytest.mark.parametrize(
    ("body", "headers", "why"),
    [
        (b"no event", HEADERS, "Invalid JSON"),
        (b"{}", HEADERS, "Field required"),
        (value(), [("schema_version", b"99")], "schema_version is b'99'"),
    ],
)
def test_what_todays_worker_would_park_again_stays(body: bytes, headers: Any, why: str) -> None:
    assert why in str(unreadable(parked(body, headers)))


def test_what_todays_worker_can_read_goes_back_with_its_id() -> None:
    read = parked(value())
    assert unreadable(read) is None
    assert EVENT_ID.encode() in (read.value or b"")


def test_a_note_of_a_replay_is_no_letter() -> None:
    assert replayed_offset(consumed(b"", [(Header.REPLAYED.value, b"41")])) == 41
    assert replayed_offset(consumed(value())) is None

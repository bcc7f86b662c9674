"""What this process remembers of the events it accepted: its answers."""

from uuid import UUID, uuid4

import pytest

from api.answer import Answer
from api.errors import InvalidEvent
from api.lookup import Recent
from api.record import SPOOLED, Published, Record, Result


def record(event_id: UUID) -> Record:
    return Record(str(event_id), b"user-1", b"{}", [])


def note(recent: Recent, event_id: UUID, result: Published | None = None) -> None:
    recent.note(b"request-1", Answer.of_event(record(event_id), result or SPOOLED).body, 1)


@pytest.fixture
def ids() -> list[UUID]:
    return [uuid4() for _ in range(4)]


def test_a_published_event_is_told_with_its_place_and_its_request(ids: list[UUID]) -> None:
    recent = Recent()
    note(recent, ids[0], Published(3, 17))
    place = recent.place(ids[0])
    assert (place.status, place.topic, place.partition, place.offset) == ("published", "events", 3, 17)
    assert place.request_id == "request-1"
    assert place.answered_at


def test_a_spooled_event_has_no_place_yet(ids: list[UUID]) -> None:
    recent = Recent()
    note(recent, ids[0])
    place = recent.place(ids[0])
    assert (place.status, place.partition, place.offset) == ("spooled", None, None)


def test_of_a_batch_what_was_accepted_is_remembered(ids: list[UUID]) -> None:
    results: list[Result] = [Published(0, 1), InvalidEvent("No."), SPOOLED]
    records = [record(ids[0]), InvalidEvent("No."), record(ids[2])]
    recent, answer = Recent(), Answer.of_events(records, results)
    recent.note(b"request-2", answer.body, 2)
    assert answer.event_id == str(ids[0])
    assert [recent.place(event_id).status for event_id in ids[:3]] == ["published", "unknown", "spooled"]


def test_a_batch_without_a_good_event_leaves_nothing() -> None:
    recent, answer = Recent(), Answer.of_events([InvalidEvent("No.")], [InvalidEvent("No.")])
    recent.note(b"request-1", answer.body, 0)
    assert answer.event_id is None
    assert recent.place(uuid4()).status == "unknown"


def test_an_empty_batch_leaves_nothing() -> None:
    recent = Recent()
    recent.note(b"request-1", Answer.of_events([], []).body, 0)
    assert recent.place(uuid4()).status == "unknown"


def test_what_is_noted_after_a_question_is_found_as_well(ids: list[UUID]) -> None:
    recent = Recent()
    for event_id in ids:
        assert recent.place(event_id).status == "unknown"
        note(recent, event_id)
    assert [recent.place(event_id).status for event_id in ids] == ["spooled"] * 4


def test_the_last_half_is_always_remembered_and_never_more_than_all() -> None:
    recent, ids = Recent(most=20), [uuid4() for _ in range(100)]
    for number, event_id in enumerate(ids, start=1):
        note(recent, event_id)
        known = [recent.place(each).status for each in ids[:number]].count("spooled")
        assert min(number, 10) <= known <= 20 + 2
        assert [recent.place(each).status for each in ids[max(number - 10, 0) : number]] == ["spooled"] * min(
            number, 10
        )

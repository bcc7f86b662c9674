"""What is made of the answers of those who know something of an event."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from stack.trace import Place, Trace

ID = UUID("0190a6f2-7c3a-7b1e-8f2a-0123456789ab")
T = datetime(2026, 1, 1, 10, 0, 0, 500_900, UTC)


@pytest.fixture
def trace() -> Trace:
    return Trace(ID)


def names(trace: Trace) -> list[str]:
    return [station.name for station in trace.stations]


def test_an_event_nobody_knows_is_unknown(trace: Trace) -> None:
    assert (trace.found, trace.verdict, trace.stations) == (False, "unknown", [])


def test_stations_stand_in_the_order_the_event_passed_them(trace: Trace) -> None:
    for late, name in enumerate(("stored", "logged", "answered", "appended", "received")):
        trace.see(name, T - timedelta(seconds=late), "somewhere")
    assert names(trace) == ["received", "appended", "answered", "logged", "stored"]


def test_a_senders_clock_that_is_fast_changes_no_order(trace: Trace) -> None:
    trace.see("received", T, "gateway")
    trace.see("occurred", T + timedelta(days=1), "by its sender's clock")
    assert names(trace) == ["occurred", "received"]


def test_the_brokers_milliseconds_do_not_precede_the_receipt(trace: Trace) -> None:
    trace.see("received", T, "gateway")
    trace.see("appended", T.replace(microsecond=500_000), "Kafka")
    assert names(trace) == ["received", "appended"]


def test_the_first_who_tells_a_station_is_believed(trace: Trace) -> None:
    trace.see("appended", T, "PostgreSQL says")
    trace.see("appended", T + timedelta(seconds=1), "Kafka says")
    assert [station.where for station in trace.stations] == ["PostgreSQL says"]


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (("received", "answered"), "accepted"),
        (("received", "spooled", "answered"), "spooled"),
        (("received", "spooled", "appended"), "spooled"),
        (("received", "answered", "appended"), "published"),
        (("appended", "logged"), "published"),
        (("appended", "logged", "parked"), "dead letter"),
        (("appended", "logged", "parked", "stored"), "stored"),
    ],
)
def test_the_verdict_is_where_it_is_now(trace: Trace, seen: tuple[str, ...], verdict: str) -> None:
    for name in seen:
        trace.see(name, T, "somewhere")
    assert (trace.found, trace.verdict) == (True, verdict)


def test_an_event_tells_its_own_times_wherever_it_is_found(trace: Trace) -> None:
    trace.read({"occurred_at": "2026-01-01T12:00:00+02:00", "received_at": "2026-01-01T10:00:00.5Z"}, "r-1")
    trace.read({"received_at": "2030-01-01T00:00:00Z"}, "another")
    assert names(trace) == ["occurred", "received"]
    assert {station.at.year for station in trace.stations} == {2026}
    assert trace.request_id == "r-1"


@pytest.mark.parametrize("told", [None, 17, "", "yesterday", "2026-01-01T10:00:00"])
def test_what_is_no_time_is_no_station(trace: Trace, told: object) -> None:
    trace.read({"received_at": told}, None)
    assert names(trace) == []


def test_a_table_tells_the_time_between_two_stations(trace: Trace) -> None:
    trace.request_id = "r-1"
    trace.see("received", T, "gateway")
    trace.see("stored", T + timedelta(milliseconds=250), "PostgreSQL")
    trace.silent["Kafka"] = "NoBrokersAvailable"
    assert list(trace.lines()) == [
        f"event {ID}, request r-1: stored",
        "received  2026-01-01T10:00:00.500900+00:00                  gateway",
        "stored    2026-01-01T10:00:00.750900+00:00     +0.250000 s  PostgreSQL",
        "Kafka could not be asked: NoBrokersAvailable",
    ]


def test_a_document_has_the_place_and_every_station(trace: Trace) -> None:
    trace.place = Place(3, 17)
    trace.see("received", T, "gateway")
    document = trace.document()
    assert {name: document[name] for name in ("event_id", "status", "topic", "partition", "offset")} == {
        "event_id": ID, "status": "accepted", "topic": "events", "partition": 3, "offset": 17,
    }  # fmt: skip
    assert document["stations"] == [{"name": "received", "at": T, "where": "gateway"}]

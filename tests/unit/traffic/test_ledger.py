from collections.abc import Collection

import pytest

from contract.exposition import build_registry
from traffic.client import Outcome
from traffic.fleet import Report
from traffic.ledger import Ledger
from traffic.metrics import Answer, TrafficMetrics
from traffic.plan import Kind
from traffic.sender import Exchange


class Rows(dict[str, int]):
    """A table with so many rows for each event."""

    def count(self, event_ids: Collection[str]) -> dict[str, int]:
        return {event_id: self[event_id] for event_id in event_ids if event_id in self}


@pytest.fixture
def metrics() -> TrafficMetrics:
    return TrafficMetrics(build_registry("traffic"))


@pytest.fixture
def ledger(metrics: TrafficMetrics) -> Ledger:
    return Ledger(metrics)


def report(*outcomes: Outcome, retries: tuple[str, ...] = (), sender: int = 0, inflight: int = 0) -> Report:
    exchanges = [Exchange(1.0, 0.01, 0.03, 0.02, [outcome], list(retries)) for outcome in outcomes]
    return Report(sender, exchanges, inflight, 0.5, False)


def event(event_id: str, answer: Answer, surprise: str = "", kind: Kind = Kind.EVENT) -> Outcome:
    return Outcome(kind, event_id, answer, surprise)


PUBLISHED, SPOOLED = event("a", Answer.PUBLISHED), event("b", Answer.SPOOLED)
RESENT = event("a", Answer.PUBLISHED, kind=Kind.DUPLICATE)
REFUSED = event("bad", Answer.REFUSED, kind=Kind.FLAW)
UNKNOWN = event("lost", Answer.UNKNOWN)
ACCEPTED_FLAW = event("bad", Answer.UNEXPECTED, "NaN was accepted, not refused with 422", kind=Kind.FLAW)


def test_a_clean_run_adds_up_and_has_no_faults(ledger: Ledger) -> None:
    ledger.enter(report(PUBLISHED, SPOOLED, RESENT, REFUSED))
    audit = ledger.audit(Rows(a=1, b=1, somebody_elses=5))
    assert ledger.sent == sum(ledger.answers.values()) == 4
    assert (
        ledger.answers[Answer.PUBLISHED] + ledger.answers[Answer.SPOOLED] == len(ledger.accepted) + ledger.resent == 3
    )
    assert len(ledger.accepted) == audit.stored + len(audit.missing) == 2
    assert list(ledger.faults(audit)) == []


def test_an_accepted_event_that_is_not_in_the_table_is_missing(ledger: Ledger, metrics: TrafficMetrics) -> None:
    ledger.enter(report(PUBLISHED, SPOOLED))
    audit = ledger.audit(Rows(a=1))
    assert (audit.stored, audit.missing) == (1, ["b"])
    assert [fault.split(":")[0] for fault in ledger.faults(audit)] == ["1 accepted events are not in the table"]
    assert metrics.registry.get_sample_value("simulator_missing_events") == 1


def test_an_event_stored_twice_is_repeated(ledger: Ledger, metrics: TrafficMetrics) -> None:
    ledger.enter(report(PUBLISHED))
    audit = ledger.audit(Rows(a=2))
    assert audit.repeated == ["a"]
    assert list(ledger.faults(audit)) == ["1 events are in the table more than once"]
    assert metrics.registry.get_sample_value("simulator_repeated_events") == 1


def test_a_refused_event_that_is_stored_is_a_fault(ledger: Ledger) -> None:
    ledger.enter(report(REFUSED))
    audit = ledger.audit(Rows(bad=1))
    assert audit.refused_stored == ["bad"]
    assert list(ledger.faults(audit)) == ["1 refused events are in the table all the same"]


def test_a_surprise_is_a_fault_whatever_the_table_says(ledger: Ledger) -> None:
    ledger.enter(report(ACCEPTED_FLAW, ACCEPTED_FLAW))
    assert ledger.surprises == {ACCEPTED_FLAW.surprise: 2}
    assert list(ledger.faults(ledger.audit(Rows()))) == ["2 answers were not what the event deserved"]


def test_an_event_without_answer_is_a_fault_unless_the_table_has_it(ledger: Ledger) -> None:
    ledger.enter(report(UNKNOWN))
    assert list(ledger.faults(ledger.audit(Rows()))) == ["1 events got no final answer and are not in the table"]
    assert list(ledger.faults(None)) == ["1 events got no final answer"]
    audit = ledger.audit(Rows(lost=1))
    assert audit.unknown_stored == ["lost"]
    assert list(ledger.faults(audit)) == []


def test_a_re_send_that_is_answered_settles_an_unknown_event(ledger: Ledger) -> None:
    ledger.enter(report(UNKNOWN, event("lost", Answer.PUBLISHED, kind=Kind.DUPLICATE)))
    assert ledger.unknown == set()
    assert list(ledger.accepted) == ["lost"]
    assert ledger.resent == 0


def test_a_bad_event_without_answer_must_not_be_stored(ledger: Ledger) -> None:
    ledger.enter(report(event("bad", Answer.UNKNOWN, kind=Kind.FLAW)))
    assert list(ledger.faults(ledger.audit(Rows()))) == []
    assert ledger.audit(Rows(bad=1)).refused_stored == ["bad"]


def test_without_an_audit_missing_events_are_not_claimed_to_be_there_or_not(ledger: Ledger) -> None:
    ledger.enter(report(PUBLISHED))
    assert list(ledger.faults(None)) == []


def test_the_metrics_say_what_the_ledger_says(ledger: Ledger, metrics: TrafficMetrics) -> None:
    ledger.enter(report(PUBLISHED, REFUSED, retries=("status 503", "no answer (ReadTimeout)"), inflight=3))
    ledger.enter(report(SPOOLED, sender=1, inflight=2))

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(name, labels)

    for answer in Answer:
        assert value("simulator_requests_total", answer=answer) == ledger.answers[answer]
    assert value("simulator_retries_total") == ledger.retries.total() == 4
    assert value("simulator_inflight_requests") == 5
    assert value("simulator_request_duration_seconds_count") == 3
    assert value("simulator_schedule_delay_seconds_sum") == pytest.approx(0.03)


def test_the_run_ends_with_its_last_answer(ledger: Ledger) -> None:
    ledger.enter(report(PUBLISHED))
    assert ledger.seconds == pytest.approx(1.03)

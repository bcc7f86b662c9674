import json
from typing import Any

import pytest
from rich.console import Console

from contract.exposition import build_registry
from traffic.client import Outcome
from traffic.fleet import Report
from traffic.ledger import Audit, Ledger
from traffic.metrics import Answer, TrafficMetrics
from traffic.plan import Kind, Run
from traffic.report import Result, document, percentiles
from traffic.sender import Exchange
from traffic.settings import TrafficSettings
from traffic.tables import tables

CLEAN = Audit(2, [], [], [], [])


def result(audit: Audit | None = CLEAN, faults: tuple[str, ...] = (), interrupted: bool = False) -> dict[str, Any]:
    ledger = Ledger(TrafficMetrics(build_registry("traffic")))
    outcomes = [Outcome(Kind.EVENT, event_id, Answer.PUBLISHED) for event_id in ("a", "b")]
    ledger.enter(Report(0, [Exchange(1.9, 0.01, 0.1, 0.09, outcomes, ["status 503"])], 0, 1.0, True))
    run = Run("cafe0001", 7, 1_800_000_000.0)
    return document(
        Result(TrafficSettings(events=2, rate=1), run, 1_800_000_002.0, ledger, audit, list(faults), interrupted)
    )


def shown(facts: dict[str, Any]) -> str:
    console = Console(width=160, no_color=True)
    with console.capture() as capture:
        for part in tables(facts):
            console.print(part)
    return capture.get()


def test_percentiles_are_values_that_were_measured() -> None:
    values = [value / 1000 for value in range(1000, 0, -1)]
    assert percentiles(values) == {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    assert percentiles([3.0]) == dict.fromkeys(("p50", "p90", "p95", "p99", "p99.9", "max"), 3.0)
    assert percentiles([]) == {}


def test_the_document_is_json_with_all_the_numbers() -> None:
    facts = json.loads(json.dumps(result()))
    assert (facts["run"], facts["seed"], facts["exit_code"], facts["faults"]) == ("cafe0001", 7, 0, [])
    assert (facts["sent"], facts["published"], facts["accepted"], facts["audit"]["stored"]) == (2, 2, 2, 2)
    assert facts["rate"] == {"target": 1, "achieved": 1.0}
    assert facts["cpu_share"] == [0.5]
    assert facts["retries"] == {"status 503": 1}
    assert facts["latency"]["p99"] == pytest.approx(0.1)


def test_the_dashboards_link_shows_the_run_and_a_little_around_it() -> None:
    link = "http://127.0.0.1:3000/d/pipeline-overview?from=1799999990000&to=1800000012000"
    assert result()["dashboard"] == link
    assert link in shown(result())


@pytest.mark.parametrize(
    ("faults", "interrupted", "code"), [((), False, 0), (("x",), False, 1), ((), True, 130), (("x",), True, 130)]
)
def test_the_exit_code_is_the_verdict(faults: tuple[str, ...], interrupted: bool, code: int) -> None:
    assert result(faults=faults, interrupted=interrupted)["exit_code"] == code


def test_a_clean_run_ends_with_all_accounted_for() -> None:
    assert "All accounted for: 2 accepted, 2 stored." in shown(result())
    assert "All accounted for: 2 accepted (not looked up in the table)." in shown(result(audit=None))


def test_an_interrupted_run_does_not_claim_that_all_is_accounted_for() -> None:
    text = shown(result(interrupted=True))
    assert "All accounted for" not in text
    assert "Stopped early" in text


def test_twenty_missing_events_are_named_and_the_rest_counted() -> None:
    ids = [f"event-{number:02}" for number in range(25)]
    facts = result(CLEAN._replace(missing=ids), faults=("25 accepted events are not in the table",))
    text = shown(facts)
    assert facts["audit"]["missing"] == ids
    assert "event-19" in text
    assert "event-20" not in text
    assert "and 5 more" in text
    assert "FAILED: 25 accepted events are not in the table." in text


def test_a_run_without_audit_does_not_show_zeros_it_never_counted() -> None:
    assert shown(result(audit=None)).count("not checked") == 3

"""After real traffic Prometheus knows where every event is, and every panel has something to show."""

import json
from time import time
from typing import Any

import pytest

from grafana.dashboards import FOLDER
from stack.board_queries import TimeRange, all_panels, default_variables
from stack.board_source import PrometheusSource
from stack.stack import Stack
from tests.integration.observed import BAD, GOOD, Prometheus, send_events
from tests.waiting import until

BALANCE = (
    'sum(stage:events:total{stage=~"accepted|second_copy"}) + pipeline:records_opening:sum'
    " - pipeline:spool_records:sum - pipeline:records_appended:sum"
)
TOTAL = 'sum(stage:events:total{{stage="{0}"}})'
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
PANELS = [
    pytest.param(name, panel, id=f"{name}-{panel['title']}")
    for name, board in BOARDS.items()
    for panel in all_panels(board)
    if panel.get("targets")
]


@pytest.fixture(scope="module")
def prometheus(stack: Stack) -> Prometheus:
    return Prometheus(stack.prometheus_url)


@pytest.fixture(scope="module")
def grown(stack: Stack, prometheus: Prometheus) -> dict[str, float]:
    """By how much each stage's total grew with the events sent, once everything is at rest."""
    stages = ("received", "accepted", "rejected", "failed", "stored", "duplicate", "dead_letter")
    _rest(prometheus)
    before = {stage: prometheus.value(TOTAL.format(stage)) or 0.0 for stage in stages}
    balance = prometheus.value(BALANCE)
    send_events(stack)
    _rest(prometheus)
    # What Kafka and the spool hold more is exactly what was accepted: not even a surplus.
    assert prometheus.value(BALANCE) == balance
    return {stage: (prometheus.value(TOTAL.format(stage)) or 0.0) - before[stage] for stage in stages}


def _rest(prometheus: Prometheus) -> None:
    """Wait until all that was sent is stored, and Prometheus knows it from every side."""
    prometheus.catch_up()
    until(lambda: prometheus.value("sum(group:lag_records:sum) + pipeline:spool_records:sum") == 0, within=60)
    prometheus.catch_up()


def test_totals_are_exact_to_the_event(grown: dict[str, float]) -> None:
    assert grown == {
        "received": GOOD + BAD,
        "accepted": GOOD,
        "rejected": BAD,
        "failed": 0,
        "stored": GOOD,
        "duplicate": 0,
        "dead_letter": 0,
    }


@pytest.mark.usefixtures("grown")
def test_nothing_is_unaccounted(prometheus: Prometheus) -> None:
    until(lambda: prometheus.value("pipeline:events_unaccounted:sum") is not None, within=30)
    assert prometheus.value("pipeline:events_unaccounted:sum") == 0


@pytest.mark.usefixtures("grown")
def test_every_rule_is_evaluated_without_an_error(prometheus: Prometheus) -> None:
    rules = until(lambda: [r for r in prometheus.rules() if r["health"] != "unknown"], within=30)
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []


@pytest.mark.usefixtures("grown")
@pytest.mark.parametrize(("name", "panel"), PANELS)
def test_a_panel_shows_something_for_each_of_its_queries(
    name: str, panel: dict[str, Any], prometheus: Prometheus
) -> None:
    source = PrometheusSource(prometheus.url)
    until(lambda: _shows_everything(source, name, panel), within=30)  # the slowest rules run every ten seconds


def _shows_everything(source: PrometheusSource, name: str, panel: dict[str, Any]) -> bool:
    answer = source.panel(panel, default_variables(BOARDS[name]), TimeRange(time() - 300, time()))
    assert "error" not in answer
    return all(_has_values(query) for query in answer["queries"])


def _has_values(query: dict[str, Any]) -> bool:
    return any(value is not None for series in query["series"] for value in series["values"])


@pytest.mark.usefixtures("grown")
def test_every_mark_on_the_dashboards_can_be_asked_for(prometheus: Prometheus) -> None:
    source = PrometheusSource(prometheus.url)
    for board in BOARDS.values():
        source.annotations(board, TimeRange(time() - 300, time()))

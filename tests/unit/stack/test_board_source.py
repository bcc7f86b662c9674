from collections.abc import Iterator
from typing import Any

import pytest

from stack.board_queries import TimeRange
from stack.board_source import PrometheusSource
from tests.unit.stack.prometheus_double import PrometheusDouble, serving

SHOWN = TimeRange(100, 110)
LINES = [{"metric": {"__name__": "x", "job": "api"}, "values": [[100, "1"], [104, "NaN"], [106, "+Inf"], [110, "2.5"]]}]
ONE = [{"metric": {}, "value": [110.4, "7"]}]


@pytest.fixture
def prometheus() -> Iterator[PrometheusDouble]:
    server = PrometheusDouble({"lines": LINES, "one": ONE, "nothing": []})
    with serving(server):
        yield server


@pytest.fixture
def source(prometheus: PrometheusDouble) -> PrometheusSource:
    return PrometheusSource(prometheus.url)


def panel(*targets: tuple[str, bool], number: int = 1) -> dict[str, Any]:
    return {
        "id": number,
        "type": "timeseries",
        "targets": [
            {"expr": expr, "instant": instant, "legendFormat": "{{job}}", "refId": chr(65 + index)}
            for index, (expr, instant) in enumerate(targets)
        ],
    }


def test_lines_lie_on_one_axis_and_a_gap_stays_a_gap(source: PrometheusSource) -> None:
    (query,) = source.panel(panel(("lines", False)), {}, SHOWN)["queries"]
    assert query["times"] == [100_000, 102_000, 104_000, 106_000, 108_000, 110_000]
    (series,) = query["series"]
    assert series == {"name": "api", "labels": {"job": "api"}, "values": [1.0, None, None, None, None, 2.5]}


def test_the_range_is_asked_for_at_whole_steps(source: PrometheusSource, prometheus: PrometheusDouble) -> None:
    source.panel(panel(("lines", False)), {}, TimeRange(101.7, 111.2))
    path, words = prometheus.asked[0]
    assert path == "/api/v1/query_range"
    assert words == {"query": "lines", "start": "100", "end": "110", "step": "2"}


def test_an_instant_is_asked_for_at_the_ranges_end(source: PrometheusSource, prometheus: PrometheusDouble) -> None:
    (query,) = source.panel(panel(("one", True)), {}, SHOWN)["queries"]
    assert query["series"][0]["values"] == [7.0]
    assert prometheus.asked == [("/api/v1/query", {"query": "one", "time": "110"})]


def test_no_series_is_an_answer(source: PrometheusSource) -> None:
    assert source.panel(panel(("nothing", False)), {}, SHOWN)["queries"][0]["series"] == []


def test_a_query_that_prometheus_refuses_is_told_with_its_reason(source: PrometheusSource) -> None:
    answer = source.panel(panel(("wrong(", False)), {}, SHOWN)
    assert answer["error"] == "Prometheus refused wrong(: parse error"


def test_a_prometheus_that_does_not_answer_is_told() -> None:
    gone = PrometheusDouble({})
    gone.server_close()
    assert "refused" in PrometheusSource(gone.url).panel(panel(("one", True)), {}, SHOWN)["error"]


def test_every_panel_that_asks_is_answered_by_its_id(source: PrometheusSource) -> None:
    dashboard = {
        "panels": [{"id": 1, "type": "row"}, panel(("one", True), number=2), panel(("lines", False), number=3)]
    }
    assert set(source.everything(dashboard, {}, SHOWN)) == {"2", "3"}


def test_a_mark_stands_where_its_condition_begins(source: PrometheusSource) -> None:
    entry = {"expr": "lines", "enable": True, "titleFormat": "{{job}} started", "iconColor": "red"}
    off, own = {**entry, "enable": False}, {"enable": True, "datasource": "-- Grafana --"}
    marks = source.annotations({"annotations": {"list": [entry, off, own]}}, SHOWN)
    assert marks == [
        {"time": 100_000, "text": "api started", "color": "red"},
        {"time": 110_000, "text": "api started", "color": "red"},
    ]

import pytest

from stack.board_queries import (
    Query,
    TimeRange,
    all_panels,
    default_variables,
    panel_queries,
    parse_range,
    series_name,
    step_for,
    substitute,
)

FIVE_MINUTES = TimeRange(1_000, 1_300)


def test_a_range_is_read_as_in_grafanas_links() -> None:
    assert parse_range("1000", "61000") == TimeRange(1, 61)
    assert parse_range("now-5m", "now", now=1_000) == TimeRange(700, 1_000)
    assert parse_range("now-1h", "now-90s", now=10_000) == TimeRange(6_400, 9_910)


@pytest.mark.parametrize("word", ["yesterday", "now+5m", "now-5x", "", "-5"])
def test_a_word_that_is_no_instant_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="no instant"):
        parse_range(word, "now")


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before"):
        parse_range("2000", "1000")


@pytest.mark.parametrize(
    ("seconds", "points", "step"), [(30, 300, 2), (300, 300, 2), (3_600, 300, 15), (86_400, 300, 300)]
)
def test_the_step_is_round_and_never_below_the_scrape_interval(seconds: int, points: int, step: int) -> None:
    assert step_for(TimeRange(0, seconds), points) == step


def test_intervals_are_filled_in_as_grafana_does() -> None:
    assert substitute("rate(x[$__rate_interval])", {}, FIVE_MINUTES, step=2) == "rate(x[8s])"
    assert substitute("rate(x[$__rate_interval])", {}, FIVE_MINUTES, step=15) == "rate(x[17s])"
    assert substitute("x[${__range}] $__interval $__range_s", {}, FIVE_MINUTES, step=5) == "x[300s] 5s 300"


def test_variables_are_filled_in_in_every_notation() -> None:
    assert substitute('{a="$a", b="${a}", c="${a:regex}", d="[[a]]"}', {"a": "v"}, FIVE_MINUTES, 2) == (
        '{a="v", b="v", c="v", d="v"}'
    )


def test_what_is_no_variable_stays() -> None:
    assert substitute('label_replace(x, "a", "$1", "b", "(.*)")', {"a": "v"}, FIVE_MINUTES, 2) == (
        'label_replace(x, "a", "$1", "b", "(.*)")'
    )


def test_an_instant_query_has_no_step() -> None:
    panel = {"targets": [
        {"expr": "a", "instant": True, "legendFormat": "now", "refId": "A"},
        {"expr": "b[$__range]", "legendFormat": "then", "refId": "B"},
    ]}  # fmt: skip
    assert panel_queries(panel, {}, FIVE_MINUTES, points=300) == [
        Query("a", "now", 0, "A"),
        Query("b[300s]", "then", 2, "B"),
    ]


def test_rows_and_texts_ask_for_nothing() -> None:
    assert panel_queries({"type": "row"}, {}, FIVE_MINUTES, points=300) == []


def test_panels_inside_a_collapsed_row_are_found() -> None:
    row = {"id": 1, "type": "row", "panels": [{"id": 2}]}
    assert [panel["id"] for panel in all_panels({"panels": [row, {"id": 3}]})] == [1, 2, 3]


def test_variables_start_with_the_dashboards_choice() -> None:
    entry = {"name": "handler", "current": {"text": "all", "value": ".*"}}
    assert default_variables({"templating": {"list": [entry]}}) == {"handler": ".*"}


def test_a_series_is_named_by_its_legend_or_its_labels() -> None:
    assert series_name("{{job}} of {{ zone }}", {"job": "api", "zone": "b"}) == "api of b"
    assert series_name("{{missing}} left", {}) == "left"
    assert series_name("", {"__name__": "up", "job": "api"}) == "job=api"
    assert series_name("", {}) == "value"

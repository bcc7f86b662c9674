"""Are we keeping the promise? Objectives, what is left of their budgets, and how fast it burns."""

from typing import NamedTuple

from grafana_foundation_sdk.builders import dashboard as grafana

from contract.signals import (
    AVAILABILITY_OBJECTIVE,
    FRESHNESS_BOUND_SECONDS,
    FRESHNESS_OBJECTIVE,
    LATENCY_BOUND_SECONDS,
    LATENCY_OBJECTIVE,
)
from grafana.frame import build_frame
from grafana.panels import Query, Story, gauge_panel, lines_panel, stat_panel
from grafana.queries import total_in_range

FAILED = 'sum(increase(stage:events:total{stage="failed"}[$__range]))'
ANSWERED = 'sum(increase(stage:events:total{stage=~"accepted|rejected"}[$__range]))'
HTTP, HANDLERS = "http_request_duration_seconds", 'handler=~"/register_events?"'
TRAVEL = "pipeline_end_to_end_latency_seconds"


class Objective(NamedTuple):
    """A promise: the share of good events, and how bad ones are counted in the time range."""

    name: str
    promise: str
    share: float
    bad: str
    signal: str
    windows: tuple[str, ...]

    @property
    def budget(self) -> float:
        return round(1 - self.share, 6)


def _within(histogram: str, matcher: str, bound: float) -> str:
    """Observations of the time range up to a bucket bound."""
    return f'sum(increase({histogram}_bucket{{{matcher}le="{bound}"}}[$__range]))'


def _all(histogram: str, matcher: str) -> str:
    return f"sum(increase({histogram}_count{{{matcher}}}[$__range]))"


FAST = _within(HTTP, f"{HANDLERS}, ", LATENCY_BOUND_SECONDS)
FRESH = _within(TRAVEL, "", FRESHNESS_BOUND_SECONDS)
REQUESTS, ARRIVALS = _all(HTTP, HANDLERS), _all(TRAVEL, "")
OBJECTIVES = (
    Objective(
        "Availability",
        f"{AVAILABILITY_OBJECTIVE:.1%} of the events get an answer other than 5xx",
        AVAILABILITY_OBJECTIVE,
        f"{FAILED} / ({ANSWERED} > 0)",
        "pipeline:slo_availability_bad",
        ("5m", "30m", "1h", "6h"),
    ),
    Objective(
        "Latency",
        f"{LATENCY_OBJECTIVE:.0%} of the requests are answered within {LATENCY_BOUND_SECONDS * 1000:.0f} ms",
        LATENCY_OBJECTIVE,
        f"1 - {FAST} / ({REQUESTS} > 0)",
        "pipeline:slo_latency_bad",
        ("5m", "1h"),
    ),
    Objective(
        "Freshness",
        f"{FRESHNESS_OBJECTIVE:.0%} of the events are in PostgreSQL within {FRESHNESS_BOUND_SECONDS:.0f} s",
        FRESHNESS_OBJECTIVE,
        f"1 - {FRESH} / ({ARRIVALS} > 0)",
        "pipeline:slo_freshness_bad",
        ("5m", "1h"),
    ),
)


def objectives() -> grafana.Dashboard:
    board = build_frame("pipeline-slo", "Objectives", "Are we keeping the promise, and for how long?")
    for objective in OBJECTIVES:
        _row(board, objective)
    _counts(board)
    return board


def _row(board: grafana.Dashboard, objective: Objective) -> None:
    """Three panels: kept in the range, budget left of it, burn rate over time."""
    name, bad, budget = objective.name, f"({objective.bad})", objective.budget
    board.with_row(grafana.Row(f"{name}: {objective.promise}"))
    kept = gauge_panel(f"{name} kept", Query(f"1 - {bad}", "kept"), Story(
        f"Share of the time range's good ones; the promise is {objective.share:g}. A burst counts with all its events.",
        "The promise is broken in this range. The burn rate tells since when."),
        "percentunit", ((0, "red"), (objective.share, "green")), empty="no traffic").min(1 - 10 * budget)  # fmt: skip
    left = stat_panel(f"{name} budget left", Query(f"1 - {bad} / {budget:g}", "left"), Story(
        f"What is left of the {budget:.1%} that may be bad, if the range were all there is; below 0 it is overspent.",
        "Stop risky changes; find out what the bad ones have in common."),
        "percentunit", ((-1e9, "red"), (0, "orange"), (0.5, "green")), empty="no traffic")  # fmt: skip
    rates = [Query(f"{objective.signal}:ratio_rate{window} / {budget:g}", window) for window in objective.windows]
    burn = lines_panel(f"{name} burn rate", rates, Story(
        "How many times faster than allowed the budget burns: at 1 it lasts exactly its 30 days, at 14.4 two days. "
        "No line where there was no traffic.",
        f"An alert fires when a long and a short window are both above a line: docs/runbooks/{name}BudgetBurn.md."),
        "none", ((1, "yellow"), (6, "orange"), (14.4, "red")))  # fmt: skip
    for panel, width in ((kept, 5), (left, 5), (burn, 14)):
        board.with_panel(panel.span(width).height(7))


def _counts(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("Counts of the time range"))
    for title, expr, what in (
        (
            "Events answered",
            f"{total_in_range('accepted')} + {total_in_range('rejected')}",
            "Accepted and refused events.",
        ),
        ("Events failed", total_in_range("failed"), "Events that got a 5xx answer."),
        ("Requests too slow", f"round({REQUESTS} - {FAST})", "Requests answered later than the objective's bound."),
        ("Events too late", f"round({ARRIVALS} - {FRESH})", "Events in PostgreSQL later than the objective's bound."),
    ):
        story = Story(what, "It never is: shares decide, not counts.")
        board.with_panel(stat_panel(title, Query(expr, title.lower()), story, "none", ()).span(6).height(4))

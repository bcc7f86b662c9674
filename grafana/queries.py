"""Turns of PromQL that several dashboards need."""

from typing import Final

from grafana.panels import RATE, Query, Steps

HANDLER: Final = 'handler=~"$handler"'
ORANGE_RED: Final[Steps] = ((0.7, "orange"), (0.9, "red"))
"""Thresholds of a share of some limit."""


def total_in_range(stage: str) -> str:
    """By how much a stage's total grew in the time range, in whole events: `increase` would extrapolate."""
    total = f'stage:events:total{{stage="{stage}"}}'
    return f"sum(max_over_time({total}[$__range]) - min_over_time({total}[$__range])) or vector(0)"


def rate_by(label: str, counter: str) -> str:
    return f"sum by ({label}) (rate({counter}{RATE}))"


def quantile(q: float, histogram: str, matcher: str, window: str = RATE) -> Query:
    """A percentile as a query; without observations it has no value."""
    selector = f"{{{matcher}}}" if matcher else ""
    seen = f"sum(rate({histogram}_count{selector}{window})) > 0"
    buckets = f"sum by (le) (rate({histogram}_bucket{selector}{window}))"
    return Query(f"histogram_quantile({q}, {buckets}) and on () ({seen})", f"p{q * 100:g}")

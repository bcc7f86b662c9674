"""From a Grafana dashboard to the queries Prometheus is asked: variables, intervals and steps as Grafana fills them."""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from contract.signals import SCRAPE_INTERVAL_SECONDS

Dashboard = dict[str, Any]
Panel = dict[str, Any]

_STEPS: Final = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_VARIABLE: Final = re.compile(r"\$(\w+)|\$\{(\w+)(?::\w+)?\}|\[\[(\w+)\]\]")


@dataclass(frozen=True)
class TimeRange:
    """What the page shows; both in seconds since the epoch."""

    start: float
    end: float

    @property
    def seconds(self) -> int:
        return max(1, round(self.end - self.start))


@dataclass(frozen=True)
class Query:
    """A target of a panel, ready to be sent. ``step`` is in seconds; 0 asks for one instant, the range's end."""

    expr: str
    legend: str
    step: int
    ref: str


def parse_range(start: str, end: str, now: float | None = None) -> TimeRange:
    """A range from the words of Grafana's links: epoch milliseconds, or `now` with an offset as in `now-5m`.

    Raises ValueError for anything else, and for a range that ends before it starts.
    """
    now = time.time() if now is None else now
    chosen = TimeRange(_instant(start, now), _instant(end, now))
    if chosen.end <= chosen.start:
        raise ValueError(f"the range ends before it starts: {start} to {end}")
    return chosen


def _instant(text: str, now: float) -> float:
    if text.isdigit():
        return int(text) / 1000
    match = re.fullmatch(r"now(?:-(\d+)([smhd]))?", text)
    if not match:
        raise ValueError(f"no instant: {text!r}; use epoch milliseconds, now or now-5m")
    return now - int(match[1] or 0) * _UNITS[match[2] or "s"]


def step_for(shown: TimeRange, points: int) -> int:
    """Seconds between two points, a round number, never below the scrape interval."""
    wanted = shown.seconds / max(points, 1)
    return max(SCRAPE_INTERVAL_SECONDS, next((step for step in _STEPS if step >= wanted), _STEPS[-1]))


def all_panels(dashboard: Dashboard) -> Iterator[Panel]:
    """Panels in the order they are shown; rows among them, followed by what they hold."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels") or ()


def default_variables(dashboard: Dashboard) -> dict[str, str]:
    """Each variable's name and the value it starts with."""
    return {entry["name"]: entry["current"]["value"] for entry in dashboard["templating"]["list"]}


def panel_queries(panel: Panel, variables: Mapping[str, str], shown: TimeRange, points: int) -> list[Query]:
    """What a panel asks for; rows and texts ask for nothing."""
    step = step_for(shown, points)
    return [
        Query(
            expr=substitute(target["expr"], variables, shown, step),
            legend=target.get("legendFormat", ""),
            step=0 if target.get("instant") else step,
            ref=target["refId"],
        )
        for target in panel.get("targets") or ()
    ]


def substitute(expr: str, variables: Mapping[str, str], shown: TimeRange, step: int) -> str:
    """The query with every variable filled in; one that is unknown stays as it is, and Prometheus will refuse it."""
    rate_interval = max(step + SCRAPE_INTERVAL_SECONDS, 4 * SCRAPE_INTERVAL_SECONDS)
    known = {
        "__rate_interval": f"{rate_interval}s",
        "__interval": f"{step}s",
        "__interval_ms": str(step * 1000),
        "__range": f"{shown.seconds}s",
        "__range_s": str(shown.seconds),
        "__range_ms": str(shown.seconds * 1000),
        **variables,
    }
    return _VARIABLE.sub(lambda found: known.get(found[1] or found[2] or found[3], found[0]), expr)


def series_name(legend: str, labels: Mapping[str, str]) -> str:
    """A legend's text: {{label}} filled in, or all labels when there is no legend."""
    if not legend or legend == "__auto":
        return ", ".join(f"{name}={value}" for name, value in labels.items() if name != "__name__") or "value"
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), legend).strip()

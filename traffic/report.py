"""The result of a run, as one document: what --json prints, and what the tables are made from."""

from collections.abc import Sequence
from math import ceil
from typing import Any, Final, NamedTuple

from traffic.ledger import Audit, Ledger
from traffic.metrics import Answer
from traffic.plan import Run
from traffic.settings import TrafficSettings

PERCENTILES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
MARGIN_MS: Final = 10_000
"""What the dashboards show before and after the run."""


class Result(NamedTuple):
    """A finished run. ``faults`` is empty when every event is accounted for."""

    settings: TrafficSettings
    run: Run
    ended_at: float
    ledger: Ledger
    audit: Audit | None
    faults: list[str]
    interrupted: bool

    @property
    def exit_code(self) -> int:
        return 130 if self.interrupted else int(bool(self.faults))


def document(result: Result) -> dict[str, Any]:
    """Everything the tables show and more, ready for JSON. Times in seconds."""
    settings, run, ledger = result.settings, result.run, result.ledger
    return {
        "run": run.id,
        "seed": run.seed,
        "scenario": settings.scenario,
        "profile": settings.profile,
        "started_at": run.started_at,
        "ended_at": result.ended_at,
        "exit_code": result.exit_code,
        "interrupted": result.interrupted,
        "faults": result.faults,
        "sent": ledger.sent,
        **{str(answer): ledger.answers[answer] for answer in Answer},
        "accepted": len(ledger.accepted),
        "duplicates": ledger.resent,
        "audit": result.audit._asdict() if result.audit else None,
        "retries": dict(ledger.retries),
        "surprises": dict(ledger.surprises.most_common()),
        "unknown_events": sorted(ledger.unknown),
        "requests": len(ledger.latencies),
        "latency": percentiles(ledger.latencies),
        "service": percentiles(ledger.services),
        "schedule_delay": percentiles(ledger.delays),
        "rate": {"target": settings.rate, "achieved": ledger.sent / ledger.seconds if ledger.seconds else 0.0},
        "cpu_share": [round(seconds / ledger.seconds, 3) for seconds in ledger.cpu_seconds.values() if ledger.seconds],
        "dashboard": dashboard(settings, run.started_at, result.ended_at),
    }


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Exact, by nearest rank: each is a value that was measured."""
    ordered = sorted(values)
    return {name: ordered[ceil(share * len(ordered)) - 1] for name, share in PERCENTILES.items()} if ordered else {}


def dashboard(settings: TrafficSettings, started_at: float, ended_at: float) -> str:
    start, end = round(started_at * 1000) - MARGIN_MS, round(ended_at * 1000) + MARGIN_MS
    return f"{str(settings.dashboard_url).rstrip('/')}/d/pipeline-overview?from={start}&to={end}"

"""``python -m benchmarks.unmetered``: the gateway with metrics that count nothing, to see what counting costs."""

import sys
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from api.metrics import ApiMetrics, HandlerMetrics
from api.notes import Notes
from contract.exposition import BatchHistogram


def _nothing(*_arguments: Any) -> None:
    pass


def silence() -> None:
    for kind, method in (
        (Counter, "inc"),
        (Gauge, "set"),
        (Histogram, "observe"),
        (BatchHistogram, "observe_all"),
        (ApiMetrics, "count"),
        (HandlerMetrics, "begin"),
        (HandlerMetrics, "end"),
        (Notes, "add"),
    ):
        setattr(kind, method, _nothing)


if __name__ == "__main__":
    silence()
    from api.__main__ import main

    sys.exit(main())

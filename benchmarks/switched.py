"""``python -m benchmarks.switched``: the gateway, with metrics that signals switch off and on, to weigh them.

Two processes that do the same differ by more than that, by where things came to lie in their memory.
"""

import signal
import sys
from types import FrameType
from typing import Any, Final

from prometheus_client import Counter, Gauge, Histogram

from api.metrics import ApiMetrics, HandlerMetrics
from api.notes import Notes
from contract.exposition import BatchHistogram

OFF: Final = signal.SIGUSR1
ON: Final = signal.SIGUSR2


def _nothing(*_arguments: Any) -> None:
    pass


def switch(signum: int, _frame: FrameType | None = None) -> None:
    """Must be called between requests: one that begins uncounted must not end counted."""
    for (kind, method), counting in _COUNTING.items():
        setattr(kind, method, _nothing if signum == OFF else counting)


_COUNTING: Final = {
    (kind, method): getattr(kind, method)
    for kind, method in (
        (Counter, "inc"),
        (Gauge, "set"),
        (Histogram, "observe"),
        (BatchHistogram, "observe_all"),
        (ApiMetrics, "count"),
        (HandlerMetrics, "begin"),
        (HandlerMetrics, "end"),
        (Notes, "add"),
    )
}

if __name__ == "__main__":
    for number in (OFF, ON):
        signal.signal(number, switch)
    from api.__main__ import main

    sys.exit(main())

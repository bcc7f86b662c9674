"""``python -m benchmarks.switched``: the gateway with metrics that are on and off by turns, to weigh them.

In one process, because two that do the same differ by more than what is weighed; by short turns, because the machine is
another one a second later. What it spent in either state is among its metrics.
"""

import sys
from functools import partial
from itertools import cycle
from threading import Thread
from time import monotonic, process_time, sleep
from typing import Any, Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

import api.app
from api.metrics import ApiMetrics, HandlerMetrics
from api.notes import Notes
from contract.exposition import BatchHistogram, ReadCounter

STATES: Final = ("on", "off")
_TURN_SECONDS: Final = 0.05


class Spent(NamedTuple):
    """``events`` that Kafka acknowledged, and what they took."""

    events: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def since(self, before: "Spent") -> "Spent":
        return Spent(*(now - then for now, then in zip(self, before, strict=True)))

    def plus(self, more: "Spent") -> "Spent":
        return Spent(*map(sum, zip(self, more, strict=True)))


class Scales(ApiMetrics):
    """The gateway's metrics, and what its process spends with them on and off."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.spent = dict.fromkeys(STATES, Spent())
        for what in Spent._fields:
            counter = ReadCounter(f"bench_{what}_total", f"{what} by metrics' state", ("metrics",), registry=registry)
            for state in STATES:
                counter.labels(state).set_function(partial(self._tell, state, what))

    def run(self) -> None:
        """Switches for ever."""
        for state in cycle(STATES):
            self.turn(state)

    def turn(self, state: str, seconds: float = _TURN_SECONDS) -> None:
        """Blocks for so long. A turn without an event is not counted: nobody sends any."""
        switch(on=state == "on")
        before = self._spent_so_far()
        sleep(seconds)
        spent = self._spent_so_far().since(before)
        if spent.events:
            self.spent[state] = self.spent[state].plus(spent)

    def _tell(self, state: str, what: str) -> float:
        return float(getattr(self.spent[state], what))

    def _spent_so_far(self) -> Spent:
        (acked,) = self.acked.collect()
        return Spent(acked.samples[0].value, monotonic(), process_time())


def switch(*, on: bool) -> None:
    """Have metrics count, or not. Those that are read at each scrape go on all the same."""
    for (kind, method), counting in _COUNTING.items():
        setattr(kind, method, counting if on else _nothing)


def weighed(registry: CollectorRegistry) -> Scales:
    """Scales that are at work, on a thread that ends with the process."""
    scales = Scales(registry)
    Thread(target=scales.run, name="scales", daemon=True).start()
    return scales


def _nothing(*_arguments: Any) -> None:
    pass


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
    from api.__main__ import main

    setattr(api.app, "ApiMetrics", weighed)  # noqa: B010  mypy would not have it assigned
    sys.exit(main())

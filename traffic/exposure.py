"""The simulator's metrics while it runs, and a little longer: until Prometheus has read the last numbers."""

from collections.abc import Callable, Iterable
from time import monotonic, sleep
from typing import Final, Self

from prometheus_client import Metric
from prometheus_client.registry import Collector
from rich.console import Console

from contract.exposition import build_registry, serve
from contract.signals import SCRAPE_INTERVAL_SECONDS
from traffic.metrics import TrafficMetrics

LAST_SCRAPES: Final = 3
"""A target that exits goes stale at once: so often the last numbers must have been read."""
NOTICE_SECONDS: Final = 1.5 * SCRAPE_INTERVAL_SECONDS
"""Whoever scrapes this run has begun by then."""


class _Readings(Collector):
    """No series of its own: it counts how often the others are read."""

    def __init__(self) -> None:
        self.count = 0

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        self.count += 1
        return ()


class Exposure:
    """Serves the metrics as long as the context lasts, unless ``port`` is 0; a taken port costs them, not the run."""

    def __init__(self, host: str, port: int, console: Console) -> None:
        self._host, self._port, self._console = host, port, console
        registry = build_registry("traffic")
        self.metrics = TrafficMetrics(registry)
        self._registry, self._readings = registry, _Readings()
        registry.register(self._readings)
        self._stop: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        self._begun = monotonic()
        if self._port:
            self._serve()
        return self

    def _serve(self) -> None:
        try:
            self._stop = serve(self._registry, self._host, self._port)
        except OSError as error:
            self._console.print(
                f"[yellow]No metrics of this run: {self._host}:{self._port} cannot be used ({error.strerror})."
                " Another simulator? --metrics-port chooses another port."
            )

    def __exit__(self, *_: object) -> None:
        if self._stop:
            self._stop()

    def linger(self, enough: Callable[[], bool]) -> None:
        """Wait until the last numbers were scraped LAST_SCRAPES times, or ``enough``; not if nobody scrapes."""
        self._enough = enough
        if not self._stop or not self._reached(1, self._begun + NOTICE_SECONDS):
            return
        self._console.print("[dim]Prometheus is reading the last numbers; Ctrl-C ends this at no loss.")
        patience = (LAST_SCRAPES + 2) * SCRAPE_INTERVAL_SECONDS
        self._reached(self._readings.count + LAST_SCRAPES, monotonic() + patience)

    def _reached(self, count: int, deadline: float) -> bool:
        while self._readings.count < count and monotonic() < deadline and not self._enough():
            sleep(0.1)
        return self._readings.count >= count

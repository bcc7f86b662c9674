"""How metrics leave a process: the registry every process starts from, and the server Prometheus scrapes."""

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import repeat
from operator import mul
from os import environ
from time import time

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, Sample

from contract.signals import EXEMPLAR

NAMESPACE = "pipeline"


def build_registry(service: str) -> CollectorRegistry:
    """A registry with the process's own series and ``pipeline_build_info``; one a process, never the global one."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # every child exists from start at 0, so the time of its birth tells nothing
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    Info("build", "What runs here.", namespace=NAMESPACE, registry=registry).info(
        {"service": service, "version": _version(), "revision": environ.get("PIPELINE_REVISION", "unknown")}
    )
    return registry


class ReadCounter(Counter):
    """A counter that is read at each scrape, for what somebody counts anyway."""

    def set_function(self, count: Callable[[], float]) -> None:
        self._count = count

    def _child_samples(self) -> Iterable[Sample]:
        return (Sample("_total", {}, float(self._count()), None, None),)

    def _metric_init(self) -> None:
        self._count = float


class BeforeScrape(Collector):
    """Is called before a scrape looks at what was registered later, to enter what was only noted."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls: list[Callable[[], None]] = []
        registry.register(self)

    def call(self, enter: Callable[[], None]) -> None:
        """``enter`` runs on the scrape's thread."""
        self._calls.append(enter)

    def collect(self) -> Iterable[Metric]:
        for enter in self._calls:
            enter()
        return ()


class BatchHistogram(Histogram):
    """A histogram that takes many values at once: one by one they cost more than what they measure."""

    def observe_all(
        self,
        values: Sequence[float],
        event_id: Callable[[int], str] | None = None,
        times: Sequence[int] | None = None,
    ) -> None:
        """Each value once, or so many ``times``.

        ``event_id`` tells whose value an index is: the greatest value's event becomes its bucket's exemplar.
        """
        buckets = map(bisect_left, repeat(self._upper_bounds), values)
        for bucket, count in (Tally(buckets) if times is None else _sums(buckets, times)).items():
            self._buckets[bucket].inc(count)
        self._sum.inc(sum(values) if times is None else sum(map(mul, values, times)))
        if event_id and values:
            greatest = max(values)
            exemplar = Exemplar({EXEMPLAR: event_id(values.index(greatest))}, greatest, time())
            self._buckets[bisect_left(self._upper_bounds, greatest)].set_exemplar(exemplar)


def _sums(names: Iterable[int], amounts: Iterable[int]) -> dict[int, int]:
    sums = dict[int, int]()
    for name, amount in zip(names, amounts, strict=True):
        sums[name] = sums.get(name, 0) + amount
    return sums


def serve(registry: CollectorRegistry, host: str, port: int) -> Callable[[], None]:
    """Serve /metrics from a thread of its own, so a busy process is still scraped; returns what stops it.

    Who accepts OpenMetrics, as Prometheus does, gets it, and with it the exemplars.
    Raises OSError when the port is taken.
    """
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}: metrics cannot be served on {host}:{port}") from error

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop


def _version() -> str:
    try:
        return version("event-pipeline")
    except PackageNotFoundError:  # run from a checkout: the packages are never published
        return "checkout"

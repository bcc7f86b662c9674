"""How metrics leave a process: the registry every process starts from, and the server Prometheus scrapes."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from os import environ

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)

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


def serve(registry: CollectorRegistry, host: str, port: int) -> Callable[[], None]:
    """Serve /metrics from a thread of its own, so a busy process is still scraped; returns what stops it.

    Raises OSError when the port is taken.
    """
    server, thread = start_http_server(port, addr=host, registry=registry)

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

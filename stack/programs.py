"""The programs of others that the stack runs: found on the PATH, or brought into the cache."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from stack import debian, jars
from stack.home import CACHE

Progress = Callable[[str], None]
"""Called with a line that tells what is being brought, each time it changes."""


@dataclass(frozen=True)
class Programs:
    """Where each program is; None where the stack's own stand-in takes the place."""

    jars: Path
    prometheus: Path
    promtool: Path
    kafka_exporter: Path | None
    grafana: Path | None


def find(progress: Progress, cache: Path = CACHE) -> Programs:
    """Find every program, bringing what is missing. Raises DownloadFailed and ProgramMissing."""
    kafka_jars = cache / "kafka-3.9.1"
    jars.fetch(kafka_jars, lambda here, wanted: progress(f"Kafka's jars: {here} of {wanted}"))
    prometheus = _on_path("prometheus") or debian.program("prometheus", cache, progress)
    return Programs(
        kafka_jars,
        prometheus,
        promtool=_on_path("promtool") or prometheus.with_name("promtool"),
        kafka_exporter=_on_path("kafka_exporter"),
        grafana=_on_path("grafana"),
    )


def _on_path(name: str) -> Path | None:
    found = which(name)
    return Path(found) if found else None

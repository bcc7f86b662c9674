"""The programs of others that the stack runs: found on the PATH, or brought into the cache."""

from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Final

from stack import debian, jars
from stack.home import CACHE
from stack.jars import Progress

KAFKA_JARS: Final = "kafka-3.9.1"
"""The folder of Kafka's jars in the cache."""


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
    kafka_jars = cache / KAFKA_JARS
    jars.fetch(kafka_jars, progress)
    prometheus = on_path("prometheus") or debian.program("prometheus", cache, progress)
    return Programs(
        kafka_jars,
        prometheus,
        promtool=on_path("promtool") or prometheus.with_name("promtool"),
        kafka_exporter=on_path("kafka_exporter"),
        grafana=on_path("grafana"),
    )


def on_path(name: str) -> Path | None:
    """The installed program of this name."""
    found = which(name)
    return Path(found) if found else None

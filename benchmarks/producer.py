"""kafka-python's own producer benchmark: what the client can do with no gateway around it."""

import subprocess
import sys
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Final

from benchmarks.broker import settled
from benchmarks.laboratory import Laboratory
from benchmarks.sample import Sample
from benchmarks.topics import PRODUCER
from benchmarks.usage import Usage

_BYTES: Final = 200
_PER_SECOND: Final = 40_000


@dataclass(frozen=True)
class ProducerBenchmark:
    """Runs from the first record at the broker to the last, so neither Python's start nor the client's counts."""

    def measure(self, laboratory: Laboratory, seconds: float) -> list[Sample]:
        broker, before = laboratory.broker, laboratory.broker.end(PRODUCER)
        with subprocess.Popen(  # noqa: S603  our own words
            [sys.executable, "-m", "kafka.benchmarks.producer_performance",
             "--bootstrap-servers", laboratory.stack.kafka_bootstrap, "--topic", PRODUCER.name,
             "--num-records", str(int(seconds * _PER_SECOND)), "--record-size", str(_BYTES),
             "--producer-config", "acks=all", "batch_size=131072", "compression_type=None"],
            stdout=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            while (first := broker.end(PRODUCER)) == before:
                sleep(0.01)
            began, usage = monotonic(), Usage(process.pid)
            while process.poll() is None and broker.end(PRODUCER) < before + int(seconds * _PER_SECOND):
                sleep(0.02)
            last, ended = broker.end(PRODUCER), monotonic()
            cpu_seconds, peak_mb = usage.cpu_seconds, usage.peak_mb
        settled(lambda: broker.end(PRODUCER))
        return [Sample(last - first, ended - began, cpu_seconds, peak_mb)]

"""A worker that finds records waiting, and works them off as fast as it can."""

import sys
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Final

from benchmarks.laboratory import Laboratory
from benchmarks.sample import Sample
from benchmarks.usage import Usage
from contract.topics import EVENTS

_PER_SECOND: Final = 30_000
_PATIENCE_SECONDS: Final = 120


class NotDrained(Exception):
    """The worker did not bring all records home."""


@dataclass(frozen=True)
class Drain:
    """``module`` is the worker's; with ``stored`` the table must hold every record in the end."""

    module: tuple[str, ...] = ("worker",)
    stored: bool = True
    workers: int = 1

    def measure(self, laboratory: Laboratory, seconds: float) -> list[Sample]:
        laboratory.fill(int(seconds * _PER_SECOND))
        begins = laboratory.broker.cut(EVENTS, int(seconds * _PER_SECOND))
        wanted = laboratory.broker.end(EVENTS) - sum(begins.values())
        laboratory.database.empty()
        with laboratory.workers((sys.executable, "-m", *self.module), self.workers) as (pids, group):

            def passed(at_least: int) -> int:
                deadline = monotonic() + _PATIENCE_SECONDS
                while (count := laboratory.broker.passed(group, begins)) < at_least:
                    if monotonic() > deadline:
                        raise NotDrained(f"{count} of {wanted} records after {_PATIENCE_SECONDS} s")
                    sleep(0.02)
                return count

            first = passed(1)
            usage, began = Usage(*pids), monotonic()
            sample = Sample(passed(wanted) - first, monotonic() - began, usage.cpu_seconds, usage.peak_mb)
        if self.stored and (rows := laboratory.database.rows()) != wanted:
            raise NotDrained(f"{rows} rows in the table for {wanted} records in the topic")
        return [sample]

"""consumer.log: one JSON line an event, rotated, packed and retained by loguru.

At-least-once: a batch is logged before it is stored, so a crash between the two logs it again.
"""

import fcntl
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from time import monotonic
from typing import IO

from loguru import logger

from contract.logs import APART
from worker.batch import EventRecord
from worker.metrics import WorkerMetrics
from worker.settings import EventLogSettings

_RETRY_SECONDS = 5.0


class EventLog:
    """Never raises for a disk that refuses: the lines are counted as lost to the log, and the pipeline goes on.

    Two processes must not rotate one file: the first takes the path of the settings, others ``consumer-2.log`` and on.
    A file that cannot be opened is tried again every few seconds.
    """

    def __init__(self, settings: EventLogSettings, metrics: WorkerMetrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._lock: IO[str] | None = None
        self._handler: int | None = None
        self._lines = logger.bind(**{APART: str(settings.path)})
        self._next_try = 0.0

    def write(self, events: Sequence[EventRecord]) -> None:
        """Write one line an event; a single call for all of them costs a fiftieth of one call each."""
        if not events:
            return
        try:
            self._open()
            self._lines.info("\n".join(map(_line, events)))  # without arguments, so braces in it mean nothing
        except OSError as error:
            self._metrics.log_errors.inc(len(events))
            logger.error("{} events could not be logged to {}: {}", len(events), self._settings.path, error)
        else:
            self._metrics.log_lines.inc(len(events))

    def close(self) -> None:
        if self._handler is not None:
            with suppress(OSError):  # the last lines are counted as lost already
                logger.remove(self._handler)
        if self._lock is not None:
            self._lock.close()

    def _open(self) -> None:
        """Raises OSError, and between two attempts does so at once."""
        if self._handler is not None:
            return
        if monotonic() < self._next_try:
            raise OSError("it could not be opened, and is tried again soon")
        self._next_try = monotonic() + _RETRY_SECONDS
        path, self._lock = _claim(self._settings.path)
        try:
            self._handler = self._add(path)
        except OSError:
            self._lock.close()
            raise
        logger.info("events are logged to {}", path)

    def _add(self, path: Path) -> int:
        lines_of = str(self._settings.path)
        return logger.add(
            path,
            filter=lambda record: record["extra"].get(APART) == lines_of,
            format="{message}",
            rotation=self._settings.rotation,
            retention=self._settings.retention,
            compression=self._settings.compression,
            watch=True,  # a file that was moved or deleted is begun anew
            catch=False,  # so that a write the disk refused can be counted here
        )


def _claim(path: Path) -> tuple[Path, IO[str]]:
    """The first of ``path``, ``path-2``, ``path-3`` … that no other process writes, and the lock that says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        candidate = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        lock = candidate.with_name(f".{candidate.name}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
        else:
            return candidate, lock
    raise AssertionError  # count() has no end


def _line(logged: EventRecord) -> str:
    record = logged.record
    # JSON forbids raw newlines inside strings, so any there are is layout and can go.
    event = record.value.replace(b"\n", b" ").replace(b"\r", b" ").decode()
    return f'{{"partition":{record.partition},"offset":{record.offset},"event":{event}}}'

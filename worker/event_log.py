"""consumer.log: one JSON line an event, rotated, packed and retained by loguru.

At-least-once: a batch is logged before it is stored, while the last one is, so a crash in between logs both again.
"""

import fcntl
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import count, repeat
from pathlib import Path
from typing import IO

from loguru import logger
from pydantic_core import to_json

from contract.logs import APART
from worker.batch import EventRecord
from worker.metrics import Step, WorkerMetrics
from worker.packing import pack_aside, retain
from worker.settings import EventLogSettings


class EventLog:
    """Never raises for a disk that refuses: the lines are counted as lost to the log, and the pipeline goes on.

    Two processes must not rotate one file: the first takes the path of the settings, others ``consumer-2.log`` and on.
    A file that could not be opened or written is let go, and opened again for the next events.
    """

    def __init__(self, settings: EventLogSettings, metrics: WorkerMetrics) -> None:
        self._settings, self._metrics = settings, metrics
        self.path = settings.path
        self._lock: IO[str] | None = None
        self._handler: int | None = None
        self._torn = False
        try:
            self._open()
        except OSError as error:
            logger.error("events cannot be logged to {} yet: {}", self.path, error)

    def write(self, events: Sequence[EventRecord]) -> None:
        """Write one line an event; a single call for all of them costs a fiftieth of one call each."""
        if not events:
            return
        lines = "\n".join(map(_line, repeat(datetime.now(UTC).isoformat()), events))
        try:
            self._open()
            # Without arguments, so braces in it mean nothing. A new line ends what a failed write may have left.
            logger.bind(**{APART: str(self.path)}).info("\n" + lines if self._torn else lines)
        except OSError as error:
            self._let_go()
            self._metrics.log_errors.inc(len(events))
            self._metrics.errors.labels(Step.LOG).inc()
            logger.error("{} events could not be logged to {}: {}", len(events), self.path, error)
        else:
            self._torn = False
            self._metrics.log_lines.inc(len(events))

    def close(self) -> None:
        self._let_go()
        if self._lock is not None:
            self._lock.close()

    def _open(self) -> None:
        """Raises OSError."""
        if self._lock is None:
            self.path, self._lock = _claim(self._settings.path)
        if self._handler is None:
            self._handler = self._add(str(self.path))
            logger.info("events are logged to {}", self.path)

    def _add(self, path: str) -> int:
        return logger.add(
            path,
            filter=lambda record: record["extra"].get(APART) == path,
            format="{message}",
            rotation=self._settings.rotation,
            retention=partial(retain, self._settings.retention),
            compression=pack_aside if self._settings.compression == "gz" else self._settings.compression,
            watch=True,  # a file that was moved or deleted is begun anew
            catch=False,  # so that a write the disk refused can be counted here
        )

    def _let_go(self) -> None:
        handler, self._handler = self._handler, None
        self._torn = True
        if handler is not None:
            with suppress(OSError):  # what it still held is counted as lost already
                logger.remove(handler)


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


def _line(logged_at: str, logged: EventRecord) -> str:
    record, request_id = logged.record, logged.request_id
    if request_id is None or '"' in request_id or "\\" in request_id:
        joined = to_json(request_id).decode()
    else:
        joined = f'"{request_id}"'  # nearly always: printable ASCII is JSON as it stands
    event = record.value.decode()  # type: ignore[union-attr]  # a record that holds an event has a value
    if "\n" in event or "\r" in event:  # JSON forbids them inside strings, so any there are is layout and can go
        event = event.replace("\n", " ").replace("\r", " ")
    return (
        f'{{"logged_at":"{logged_at}","partition":{record.partition},"offset":{record.offset},'
        f'"request_id":{joined},"event":{event}}}'
    )

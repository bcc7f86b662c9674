"""``python -m benchmarks.sinks [log]``: the worker without PostgreSQL, and without consumer.log unless asked for it."""

import sys
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import worker.app
from worker.batch import Batch, EventRecord, Span
from worker.store import Park, Tally


class Nowhere:
    """A store that keeps the offsets in memory and the events nowhere."""

    def __init__(self, *_: Any) -> None:
        self._offsets: dict[int, int] = {}

    def offsets(self) -> dict[int, int]:
        return dict(self._offsets)

    def recognise(self, _topic_id: UUID) -> bool:
        return False

    def claim(self, partition: int, offset: int) -> None:
        self._offsets.setdefault(partition, offset)

    def move(self, partition: int, span: Span) -> None:
        self._offsets[partition] = span.next_offset

    def store(self, batch: Batch, _park: Park) -> Tally:
        self._offsets |= {partition: span.next_offset for partition, span in batch.spans.items()}
        return Tally(len(batch.events), 0, 0)

    def close(self) -> None:
        pass


class Silent:
    """An event log nobody keeps."""

    def __init__(self, *_: Any) -> None:
        pass

    def write(self, events: Sequence[EventRecord]) -> None:
        pass

    def close(self) -> None:
        pass


if __name__ == "__main__":
    worker.app.Store = Nowhere  # type: ignore[assignment,attr-defined]
    if "log" not in sys.argv[1:]:
        worker.app.EventLog = Silent  # type: ignore[assignment,attr-defined]
    from worker.__main__ import main

    sys.exit(main())

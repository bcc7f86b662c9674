"""How long each event took, by stage; the stages of an event add up to its end-to-end latency."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache

from contract.exposition import BatchHistogram
from worker.batch import EventRecord
from worker.metrics import Stage, WorkerMetrics

_CLOCK_GRAIN = 0.001  # the broker's timestamps are whole milliseconds, so a stage may look that much too short


class Latency:
    """Observes batches after their commit. ``polled_at`` and ``stored_at`` are Unix seconds."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._skew, self._end_to_end = metrics.clock_skew, metrics.end_to_end
        self._publish, self._queue, self._store = (metrics.stage.labels(stage) for stage in Stage)

    def observe(self, events: Sequence[EventRecord], polled_at: float, stored_at: float) -> None:
        received = [_unix(event.event.received_at) for event in events]
        appended = [event.record.timestamp / 1000 for event in events]
        self._observe(self._publish, [end - begin for begin, end in zip(received, appended, strict=True)])
        self._observe(self._queue, [polled_at - begin for begin in appended])
        self._observe(self._store, [stored_at - polled_at] * len(events))
        whole = [stored_at - begin for begin in received]
        self._observe(self._end_to_end, whole, lambda index: str(events[index].event.event_id))

    def _observe(
        self, stage: BatchHistogram, seconds: list[float], event_id: Callable[[int], str] | None = None
    ) -> None:
        if seconds and min(seconds) < 0:
            self._skew.inc(sum(second < -_CLOCK_GRAIN for second in seconds))
            seconds = [max(second, 0.0) for second in seconds]
        stage.observe_all(seconds, event_id)


@lru_cache(maxsize=64)  # events of one request were received together
def _unix(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()

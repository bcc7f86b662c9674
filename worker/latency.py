"""How long each event took, by stage; the stages of an event add up to its end-to-end latency."""

from collections.abc import Iterable

from worker.batch import EventRecord
from worker.metrics import Stage, WorkerMetrics

_CLOCK_GRAIN = 0.001  # the broker's timestamps are whole milliseconds, so a stage may look that much too short


class Latency:
    """Observes batches after their commit. ``polled_at`` and ``stored_at`` are Unix seconds."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._skew, self._end_to_end = metrics.clock_skew, metrics.end_to_end
        self._publish, self._queue, self._store = (metrics.stage.labels(stage) for stage in Stage)

    def observe(self, events: Iterable[EventRecord], polled_at: float, stored_at: float) -> None:
        for event in events:
            received_at, appended_at = event.event.received_at.timestamp(), event.record.timestamp / 1000
            self._publish.observe(self._seconds(received_at, appended_at))
            self._queue.observe(self._seconds(appended_at, polled_at))
            self._store.observe(self._seconds(polled_at, stored_at))
            self._end_to_end.observe(self._seconds(received_at, stored_at))

    def _seconds(self, begin: float, end: float) -> float:
        if end < begin - _CLOCK_GRAIN:
            self._skew.inc()
        return max(end - begin, 0.0)

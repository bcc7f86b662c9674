"""How long each event took, by stage; the stages of an event add up to its end-to-end latency."""

from collections import Counter as Tally
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
        together = Tally((event.event.received_at, event.record.timestamp) for event in events)
        instants = [(_unix(received_at), milliseconds / 1000) for received_at, milliseconds in together]
        times, whole = [*together.values()], [stored_at - received for received, _ in instants]

        def event_id(index: int) -> str:
            received_at, _ = [*together][index]
            return next(event.event.event_id for event in events if event.event.received_at == received_at)

        self._observe(self._publish, [appended - received for received, appended in instants], times)
        self._observe(self._queue, [polled_at - appended for _, appended in instants], times)
        self._observe(self._store, [stored_at - polled_at] * len(times), times)
        self._observe(self._end_to_end, whole, times, event_id)

    def _observe(
        self,
        stage: BatchHistogram,
        seconds: list[float],
        times: Sequence[int],
        event_id: Callable[[int], str] | None = None,
    ) -> None:
        if seconds and min(seconds) < 0:
            self._skew.inc(sum(count for second, count in zip(seconds, times, strict=True) if second < -_CLOCK_GRAIN))
            seconds = [max(second, 0.0) for second in seconds]
        stage.observe_all(seconds, event_id, times)


@lru_cache(maxsize=64)  # events of one request were received together
def _unix(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()

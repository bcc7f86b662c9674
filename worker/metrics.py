"""Every metric of the worker, declared once; labels have fixed values, and all of them exist from start at 0."""

from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge

from contract.exposition import NAMESPACE, BatchHistogram
from contract.signals import ACK_BUCKETS, BATCH_BUCKETS, PIPELINE_BUCKETS
from contract.topics import EVENTS


class Stage(StrEnum):
    """The disjoint stretches of an event's way; their sum is the end-to-end latency."""

    PUBLISH = "publish"  # from the gateway's receipt to the broker's append
    QUEUE = "queue"  # from the append to the worker's poll
    STORE = "store"  # from the poll to the database's commit


class Step(StrEnum):
    """Where in its loop the worker met an error."""

    POLL = "poll"
    STALL = "stall"  # a partition had records and did not move
    DEAD_LETTER = "dead_letter"
    LOG = "log"
    STORE = "store"
    COMMIT = "commit"


class Parked(StrEnum):
    """Why a record went to the dead letters."""

    EMPTY = "empty"
    MALFORMED = "malformed"
    INVALID = "invalid"
    VERSION = "version"
    UNSTORABLE = "unstorable"
    UNREADABLE = "unreadable"


class Trouble(StrEnum):
    """Why a store attempt is tried again."""

    CONNECTION = "connection"
    CONFLICT = "conflict"  # deadlock or serialization failure
    RESOURCES = "resources"  # disk full, too many connections
    OTHER = "other"


class WorkerMetrics:
    """The worker's metrics; nothing else in ``worker`` creates one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, namespace=NAMESPACE, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, namespace=NAMESPACE, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> BatchHistogram:
            return BatchHistogram(name, text, labels, namespace=NAMESPACE, registry=registry, buckets=buckets)

        place = ("topic", "partition")
        self.records = counter(
            "consumer_records_total",
            "Offsets the batches cover: records polled, and those missing before them; a repeated batch counts again.",
            *place,
        )
        self.lag = gauge("consumer_lag_records", "Records between the partition's head and the stored offset.", *place)
        self.watermark = gauge(
            "consumer_watermark_timestamp_seconds", "When the broker appended the last stored record.", *place
        )
        self.batch = histogram("consumer_batch_records", "Records a poll returned.", BATCH_BUCKETS)
        self.inflight = gauge("consumer_inflight_records", "Records polled and not yet stored.")
        self.assigned = gauge("consumer_assigned_partitions", "Partitions this worker owns.")
        self.paused = gauge("consumer_paused", "1 while the worker waits for PostgreSQL with its partitions paused.")
        self.last_poll = gauge("consumer_last_poll_timestamp_seconds", "When the worker last polled.")
        self.last_commit = gauge("consumer_last_commit_timestamp_seconds", "When the worker last committed to Kafka.")
        self.commit_duration = histogram("consumer_commit_duration_seconds", "Kafka commits.", ACK_BUCKETS)
        self.commits = counter("consumer_commits_total", "Commits to Kafka.", "result")
        self.rebalances = counter("consumer_rebalances_total", "Changes of the assignment.", "event")
        self.errors = counter("consumer_errors_total", "Errors in the worker's loop, by step.", "step")
        self.skipped = counter(
            "consumer_skipped_records_total", "Records that left the topic before they were stored: they are lost."
        )
        self.halted = gauge("consumer_halted", "1 after the limit on dead letters has stopped this worker.")
        self.dead_letters = counter("consumer_dead_letters_total", "Records parked in the dead letters.", "reason")

        self.rows = counter("store_rows_total", "Events given to PostgreSQL.", "result")
        self.store_duration = histogram("store_batch_duration_seconds", "Transactions of a batch.", PIPELINE_BUCKETS)
        self.retries = counter("store_retries_total", "Store attempts that must be repeated.", "kind")
        self.fenced = counter("store_fenced_total", "Batches rolled back because another worker's offsets were newer.")
        self.fenced_records = counter("store_fenced_records_total", "Records of the batches that were rolled back so.")
        self.table_rows = gauge("store_table_rows", "Rows in the table events, estimated between counts.")
        self.store_up = gauge("store_up", "1 while the last attempt to reach PostgreSQL succeeded.")

        self.log_lines = counter("event_log_lines_total", "Lines written to consumer.log.")
        self.log_errors = counter("event_log_errors_total", "Lines that could not be written to consumer.log.")

        self.end_to_end = histogram(
            "end_to_end_latency_seconds", "From the gateway's receipt to the database's commit.", PIPELINE_BUCKETS
        )
        self.stage = histogram("stage_duration_seconds", "Stages of the way; they add up.", PIPELINE_BUCKETS, "stage")
        self.clock_skew = counter("clock_skew_total", "Stages that two clocks made negative, counted as 0.")
        self._touch()

    def forget(self, topic: str, partition: int) -> None:
        """Drop the gauges of a partition that another worker owns now: the old values would be lies."""
        self.lag.remove(topic, str(partition))
        self.watermark.remove(topic, str(partition))

    def store_failed(self, trouble: Trouble) -> None:
        """Count an attempt that must be repeated."""
        self.errors.labels(Step.STORE).inc()
        self.retries.labels(trouble).inc()
        self.store_up.set(0)

    def _touch(self) -> None:
        """Create every child now: a series born in a burst loses its first increments to ``rate``."""
        for partition in range(EVENTS.partitions):
            self.records.labels(EVENTS.name, partition)
        for metric, values in (
            (self.commits, ("ok", "failed")),
            (self.rebalances, ("assigned", "revoked")),
            (self.rows, ("stored", "duplicate")),
            (self.errors, Step),
            (self.dead_letters, Parked),
            (self.retries, Trouble),
            (self.stage, Stage),
        ):
            for value in values:
                metric.labels(value)

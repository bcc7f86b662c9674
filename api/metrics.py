"""Every metric of the gateway, declared once; labels have fixed values, and all of them exist from start at 0."""

from collections import Counter as Counted
from enum import StrEnum
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from api.notes import Notes
from contract.exposition import NAMESPACE, BatchHistogram, BeforeScrape, ReadCounter
from contract.signals import ACK_BUCKETS, REQUEST_BUCKETS


class Outcome(StrEnum):
    """What an accepted event's answer promised."""

    PUBLISHED = "published"
    SPOOLED = "spooled"


class Rejection(StrEnum):
    """Why an event was not accepted; also the last part of the problem's ``type``."""

    MALFORMED = "malformed"
    UNAUTHORIZED = "unauthorized"
    TOO_LARGE = "too_large"
    MEDIA_TYPE = "media_type"
    VALIDATION = "validation"
    RATE_LIMITED = "rate_limited"
    OVERLOAD = "overload"
    SPOOL_FULL = "spool_full"
    TIMEOUT = "timeout"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"
    UNCONFIRMED = "unconfirmed"


class ProducerError(StrEnum):
    """Why a delivery failed, in the words of Kafka's clients, few enough to be a label."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    NOT_ENOUGH_REPLICAS = "not_enough_replicas"
    NO_TOPIC = "no_topic"
    TOO_LARGE = "too_large"
    INVALID = "invalid"
    AUTHORIZATION = "authorization"
    OTHER = "other"


class ApiMetrics:
    """The gateway's metrics; nothing else in ``api`` creates one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.before_scrape = BeforeScrape(registry)
        self._events: dict[Outcome | Rejection, int] = dict.fromkeys((*Outcome, *Rejection), 0)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, namespace=NAMESPACE, registry=registry)

        def read(name: str, text: str, *labels: str) -> ReadCounter:
            return ReadCounter(name, text, labels, namespace=NAMESPACE, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, namespace=NAMESPACE, registry=registry)

        # The names prometheus-fastapi-instrumentator made familiar, with bounds around our objective.
        http = ("method", "handler")
        self.requests = Counter("http_requests_total", "Requests answered.", (*http, "status"), registry=registry)
        self.request_duration = BatchHistogram(
            "http_request_duration_seconds", "From the request's head to the end of its answer.", http,
            registry=registry, buckets=REQUEST_BUCKETS,
        )  # fmt: skip
        self.in_progress = Gauge("http_requests_inprogress", "Requests under way.", ("handler",), registry=registry)

        self.received = read("events_received_total", "Events that arrived; a request refused as a whole is one.")
        self.accepted = read("events_accepted_total", "Events answered as accepted.", "outcome")
        self.rejected = read("events_rejected_total", "Events answered as not accepted.", "reason")

        self.attempts = read("producer_attempts_total", "Records handed to the producer.")
        self.acked = read("producer_acked_total", "Records the broker acknowledged.")
        self.late_acks = counter(
            "producer_late_acks_total", "Acks for records that had gone to the spool meanwhile: known second copies."
        )
        self.errors = counter("producer_errors_total", "Records whose delivery failed, by kind.", "kind")
        self.ack_duration = BatchHistogram(
            "producer_ack_duration_seconds", "From handing a record to the producer to the broker's ack.",
            namespace=NAMESPACE, registry=registry, buckets=ACK_BUCKETS,
        )  # fmt: skip
        self.inflight_records = gauge("producer_inflight_records", "Records waiting for the broker's ack.")
        self.inflight_limit_records = gauge("producer_inflight_limit_records", "Most records that may wait.")
        self.inflight_bytes = gauge("producer_inflight_bytes", "Bytes of values waiting for the broker's ack.")
        self.inflight_limit_bytes = gauge("producer_inflight_limit_bytes", "Most bytes that may wait.")
        self.last_ack = gauge("producer_last_ack_timestamp_seconds", "When the broker last acknowledged a record.")
        self.producer_up = gauge("producer_up", "1 while records go to Kafka directly, 0 while they go to the spool.")

        self.spool_records = gauge("spool_records", "Records in the spool.")
        self.spool_refused = gauge(
            "spool_refused_records",
            "Records of the spool that Kafka refuses as things are; a restart tries them again.",
        )
        self.spool_bytes = gauge("spool_bytes", "Bytes of values in the spool.")
        self.spool_limit_bytes = gauge("spool_limit_bytes", "Most bytes the spool takes.")
        self.spool_oldest = gauge(
            "spool_oldest_timestamp_seconds", "When the spool's oldest record came; 0 when empty."
        )
        self.spool_drained = counter("spool_drained_total", "Records that left the spool, acknowledged by the broker.")
        self.spool_errors = counter("spool_errors_total", "Writes the spool's disk refused.")

        self.loop_lag = Histogram(
            "event_loop_lag_seconds", "How much later than asked for the event loop woke a sleeper.",
            namespace=NAMESPACE, registry=registry, buckets=ACK_BUCKETS,
        )  # fmt: skip
        self._touch()

    def count(self, outcome: Outcome | Rejection, events: int = 1) -> None:
        """Enter events into the books by what their answer says. On the event loop, which is why it needs no lock."""
        self._events[outcome] += events

    def _touch(self) -> None:
        """Create every child now: a series born in a burst loses its first increments to ``rate``."""
        self.received.set_function(lambda: sum(self._events.values()))
        for outcome in Outcome:
            self.accepted.labels(outcome).set_function(partial(self._events.__getitem__, outcome))
        for reason in Rejection:
            self.rejected.labels(reason).set_function(partial(self._events.__getitem__, reason))
        for kind in ProducerError:
            self.errors.labels(kind)


class HandlerMetrics:
    """One hot handler's HTTP series."""

    def __init__(self, metrics: ApiMetrics, method: str, handler: str) -> None:
        self._requests = {status: metrics.requests.labels(method, handler, str(status)) for status in _INGEST_STATUSES}
        self._duration = metrics.request_duration.labels(method, handler)
        self._open = 0
        self._ended = Notes(self._enter, metrics.before_scrape)
        metrics.in_progress.labels(handler).set_function(lambda: self._open)

    def begin(self) -> None:
        self._open += 1

    def end(self, status: int, seconds: float, event_id: str | None = None) -> None:
        """``event_id`` is one of the events it accepted."""
        self._open -= 1
        self._ended.add((status, seconds, event_id))

    def _enter(self, ended: list[tuple[int, float, str | None]]) -> None:
        for status, requests in Counted(status for status, _, _ in ended).items():
            self._requests[status].inc(requests)
        refused = [seconds for _, seconds, event_id in ended if event_id is None]
        accepted = [(seconds, event_id) for _, seconds, event_id in ended if event_id is not None]
        self._duration.observe_all(refused)
        self._duration.observe_all([seconds for seconds, _ in accepted], lambda index: accepted[index][1])


_INGEST_STATUSES = (200, 201, 202, 400, 401, 408, 413, 415, 422, 429, 500, 503, 504)

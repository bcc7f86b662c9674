"""Every metric of the simulator: an independent witness of what the gateway says of itself."""

from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge

from contract.exposition import BatchHistogram
from contract.signals import REQUEST_BUCKETS


class Answer(StrEnum):
    """What became of an event in the end, as its client saw it."""

    PUBLISHED = "published"
    SPOOLED = "spooled"
    REFUSED = "refused"  # a bad event refused with the status it deserves
    UNEXPECTED = "unexpected"  # a good event refused, or a bad one accepted
    UNKNOWN = "unknown"  # no answer: the event may or may not be stored


class TrafficMetrics:
    """The simulator's metrics; nothing else in ``traffic`` creates one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter("simulator_requests_total", "Events by final answer.", ("answer",), registry=registry)
        self.retries = Counter(
            "simulator_retries_total", "Requests sent again after 429, 503 or no clear answer.", registry=registry
        )
        self.duration = BatchHistogram(
            "simulator_request_duration_seconds", "From the intended send time to the answer.",
            registry=registry, buckets=REQUEST_BUCKETS,
        )  # fmt: skip
        self.delay = BatchHistogram(
            "simulator_schedule_delay_seconds", "How much later than intended a request was sent.",
            registry=registry, buckets=REQUEST_BUCKETS,
        )  # fmt: skip
        self.inflight = Gauge("simulator_inflight_requests", "Requests waiting for their answer.", registry=registry)
        self.target = Gauge("simulator_target_events", "Events this run sends.", registry=registry)
        self.started = Gauge("simulator_run_start_timestamp_seconds", "When this run began.", registry=registry)
        self.ended = Gauge("simulator_run_end_timestamp_seconds", "When this run ended; 0 before.", registry=registry)
        self.missing = Gauge(
            "simulator_missing_events", "Accepted events not in the table after the drain.", registry=registry
        )
        self.repeated = Gauge("simulator_repeated_events", "Events the table holds more than once.", registry=registry)
        for answer in Answer:
            self.requests.labels(answer)

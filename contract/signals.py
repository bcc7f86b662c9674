"""The numbers that scrapes, rules, dashboards and code must share; each stands here once, and a test compares."""

from typing import Final

SCRAPE_INTERVAL_SECONDS: Final = 2
"""Prometheus's scrape and evaluation interval and Grafana's timeInterval: a 20 s run needs no less."""

AVAILABILITY_OBJECTIVE: Final = 0.999
"""Share of events that get an answer other than 5xx."""

LATENCY_OBJECTIVE: Final = 0.99
LATENCY_BOUND_SECONDS: Final = 0.1
"""LATENCY_OBJECTIVE of the requests are answered within this; it is a bucket bound."""

FRESHNESS_OBJECTIVE: Final = 0.99
FRESHNESS_BOUND_SECONDS: Final = 5.0
"""FRESHNESS_OBJECTIVE of the events are stored within this of their arrival; it is a bucket bound."""

LAG_WARNING_SECONDS: Final = 5
LAG_CRITICAL_SECONDS: Final = 30

EXEMPLAR: Final = "event_id"
"""The label of an exemplar: an event that was as slow as its bucket says. GET /events/{event_id} tells its way."""

EXEMPLARS: Final = (
    "http_request_duration_seconds",
    "pipeline_producer_ack_duration_seconds",
    "pipeline_end_to_end_latency_seconds",
)
"""Histograms whose buckets have exemplars."""

REQUEST_BUCKETS: Final = (
    0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0,
)  # fmt: skip
"""Seconds; neighbours at most 2.5 apart, so an interpolated percentile stays close to the truth."""

ACK_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds from handing a record to the producer to the broker's ack."""

PIPELINE_BUCKETS: Final = (
    0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.28, 2.56, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0,
)  # fmt: skip
"""Seconds; the last bound lies beyond the longest drain a demo sees, because a percentile cannot exceed it."""

BATCH_BUCKETS: Final = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000, 5000)
"""Records a batch."""

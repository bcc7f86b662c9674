"""Labels of the gateway's metrics have no value that nothing counts."""

import re
from pathlib import Path

import pytest

from api.metrics import ApiMetrics, HandlerMetrics, Outcome, ProducerError, Rejection

API = Path(__file__).parents[3] / "api"


@pytest.mark.parametrize("value", [*Outcome, *Rejection, *ProducerError], ids=repr)
def test_every_value_of_a_label_is_given_somewhere(value: Outcome | Rejection | ProducerError) -> None:
    member = f"{type(value).__name__}.{value.name}"
    users = [path for path in API.rglob("*.py") if re.search(rf"\b{member}\b", path.read_text())]
    assert users, f"nothing ever counts {member}"


@pytest.fixture
def handler(metrics: ApiMetrics) -> HandlerMetrics:
    return HandlerMetrics(metrics, "POST", "/register_event")


def exemplars(metrics: ApiMetrics) -> list[tuple[str, str]]:
    """Bucket and event of each, as a scrape sees them."""
    (durations,) = (family for family in metrics.registry.collect() if family.name == "http_request_duration_seconds")
    return [(s.labels["le"], s.exemplar.labels["event_id"]) for s in durations.samples if s.exemplar]


def answer(handler: HandlerMetrics, seconds: float, event_id: str | None) -> None:
    handler.begin()
    handler.end(201, seconds, event_id)


def test_the_slowest_request_since_the_last_scrape_is_an_exemplar(metrics: ApiMetrics, handler: HandlerMetrics) -> None:
    answer(handler, 0.002, "usual")
    answer(handler, 0.6, "outlier")
    answer(handler, 0.002, "usual")
    assert exemplars(metrics) == [("1.0", "outlier")]
    answer(handler, 0.002, "next")
    assert exemplars(metrics) == [("0.0025", "next"), ("1.0", "outlier")]


def test_the_slowest_that_was_accepted_is_an_exemplar_beside_slower_ones_that_were_not(
    metrics: ApiMetrics, handler: HandlerMetrics
) -> None:
    answer(handler, 0.6, None)
    answer(handler, 0.002, "accepted")
    assert exemplars(metrics) == [("0.0025", "accepted")]


def test_a_refused_request_is_no_exemplar(metrics: ApiMetrics, handler: HandlerMetrics) -> None:
    answer(handler, 0.002, None)
    assert exemplars(metrics) == []

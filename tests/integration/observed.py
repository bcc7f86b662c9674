"""What Prometheus says of a stack, and events sent so that it has something to say."""

from collections.abc import Callable
from threading import Event
from time import time
from typing import Any

import requests

from stack.stack import Stack
from tests.waiting import until

GOOD, BAD = 600, 7
"""Events sent, and events among them that the gateway must refuse."""


class Prometheus:
    """Prometheus's HTTP API, for one number at a time."""

    def __init__(self, url: str) -> None:
        self.url = url

    def value(self, query: str) -> float | None:
        """The only sample of a query; None when there is none."""
        found = self._get("query", query=query)["result"]
        assert len(found) <= 1, f"{query} has {len(found)} series"
        return float(found[0]["value"][1]) if found else None

    def samples(self, selector: str, since: float) -> list[tuple[float, float]]:
        """The samples of one series since then, as times and values: what is stored, nothing drawn between."""
        (series,) = self._get("query", query=f"{selector}[{int(time() - since) + 1}s]")["result"]
        return [(at, float(value)) for at, value in series["values"] if at >= since]

    def catch_up(self) -> None:
        """Wait until every target has been scraped, and the rules have read that.

        Targets are scraped in turn: in between, what one has done shows, and what another did before does not.
        """
        _until_later(lambda: self.value("min(timestamp(up))"))
        _until_later(lambda: self.value("min(timestamp(stage:events:total))"))

    def firing(self) -> set[str]:
        """The alerts that fire."""
        found = self._get("query", query='ALERTS{alertstate="firing"}')["result"]
        return {series["metric"]["alertname"] for series in found}

    def exemplars(self, histogram: str, since: float) -> set[str]:
        """The events that stand for a histogram's buckets, of those observed since then."""
        found = self._get("query_exemplars", query=f"{histogram}_bucket", start=str(since), end=str(time() + 1))
        return {exemplar["labels"]["event_id"] for series in found for exemplar in series["exemplars"]}

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def _get(self, path: str, **parameters: str) -> Any:
        response = requests.get(f"{self.url}/api/v1/{path}", parameters, timeout=10)
        document: dict[str, Any] = response.json()
        assert document["status"] == "success", document
        return document["data"]


def _until_later(oldest: Callable[[], float | None]) -> None:
    now = time()
    until(lambda: (oldest() or 0.0) > now, within=30)


def send_until_stopped(stack: Stack, stop: Event) -> None:
    """Ten events a second, whatever becomes of them."""
    with requests.Session() as session:
        session.trust_env = False
        while not stop.wait(1):
            session.post(f"{stack.api_url}/register_events", json=[_event(number) for number in range(10)], timeout=10)


def send_events(stack: Stack) -> None:
    """Single events, batches, and some of both that are no events."""
    with requests.Session() as session:
        session.trust_env = False
        for number in range(100):
            answer = session.post(f"{stack.api_url}/register_event", json=_event(number), timeout=10)
            assert answer.status_code == 201, answer.text
        for start in range(100, GOOD, 100):
            batch = [_event(number) for number in range(start, start + 100)]
            answer = session.post(f"{stack.api_url}/register_events", json=batch, timeout=10)
            assert answer.status_code == 200, answer.text
        for _ in range(BAD):
            answer = session.post(f"{stack.api_url}/register_event", json={"event_type": "Not One"}, timeout=10)
            assert answer.status_code == 422, answer.text


def _event(number: int) -> dict[str, Any]:
    return {"event_type": "page.viewed", "user_id": f"user-{number % 50}", "properties": {"sent": time()}}

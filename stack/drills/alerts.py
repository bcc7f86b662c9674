"""Which alerts are pending and firing, since when, as Prometheus tells."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any, Final, Protocol

import requests

from stack.errors import StackError

PENDING: Final = "pending"
FIRING: Final = "firing"
_MOST_SILENCE_SECONDS: Final = 15.0


class Source(Protocol):
    """Where alerts come from."""

    def alerts(self) -> Mapping[str, str]:
        """The state of each alert that is pending or firing."""


class Prometheus:
    """Prometheus's HTTP API. Raises StackError when it does not answer for long."""

    def __init__(self, url: str) -> None:
        self._url, self._session = url, requests.Session()
        self._session.trust_env = False
        self._answered = monotonic()

    def alerts(self) -> Mapping[str, str]:
        states: dict[str, str] = {}
        for alert in self._get("alerts")["alerts"]:
            labels = alert["labels"]
            if labels["severity"] != "none" and states.get(identity(labels)) != FIRING:
                states[identity(labels)] = alert["state"]
        return states

    def value(self, query: str) -> float | None:
        """The only sample of a query; None when there is none."""
        found = self._get("query", query=query)["result"]
        return float(found[0]["value"][1]) if found else None

    def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        while True:
            try:
                answer = self._session.get(f"{self._url}/api/v1/{path}", params=parameters, timeout=5)
                answer.raise_for_status()
                self._answered = monotonic()
                return dict(answer.json()["data"])
            except requests.RequestException as error:
                if monotonic() - self._answered > _MOST_SILENCE_SECONDS:
                    raise StackError(f"Prometheus does not answer at {self._url}: {error}") from error
                sleep(0.5)


def identity(labels: Mapping[str, str]) -> str:
    """The alert's name; with TargetDown, the target matters as well."""
    name = labels["alertname"]
    return f"{name}/{labels['job']}" if name == "TargetDown" else name


@dataclass
class Episode:
    """One time that an alert was true; seconds of ``clock``."""

    alert: str
    began: float
    fired: float | None = None
    ended: float | None = None


@dataclass
class Timeline:
    """Everything alerts did while somebody looked."""

    source: Source
    tell: Callable[[str], None] = lambda _: None
    clock: Callable[[], float] = monotonic
    episodes: list[Episode] = field(default_factory=list)
    awaited: Set[str] = frozenset()
    """Alerts of which it is worth telling that they are pending."""

    def look(self) -> None:
        """Ask once, and note what has changed."""
        now, states = self.clock(), self.source.alerts()
        for episode in self.open():
            if episode.alert not in states:
                episode.ended = now
                if episode.fired is not None:
                    self.tell(f"{episode.alert} cleared")
        for alert, state in sorted(states.items()):
            self._note(alert, state, now)

    def open(self) -> list[Episode]:
        """What is pending or firing now."""
        return [episode for episode in self.episodes if episode.ended is None]

    def names(self) -> set[str]:
        """Of what is pending or firing now."""
        return {episode.alert for episode in self.open()}

    def firing(self) -> set[str]:
        return {episode.alert for episode in self.open() if episode.fired is not None}

    def _note(self, alert: str, state: str, now: float) -> None:
        episode = next((known for known in self.open() if known.alert == alert), None)
        if episode is None:
            self.episodes.append(episode := Episode(alert, now))
            if state == PENDING and alert in self.awaited:
                self.tell(f"{alert} is pending")
        if state == FIRING and episode.fired is None:
            episode.fired = now
            self.tell(f"{alert} fires")

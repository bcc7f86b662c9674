from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from stack.drills.alerts import Episode, Prometheus, Timeline, identity
from tests.unit.stack.prometheus_double import serving

ANSWER = b"""{"status": "success", "data": {"alerts": [
    {"labels": {"alertname": "Watchdog", "severity": "none"}, "state": "firing"},
    {"labels": {"alertname": "ConsumerStalled", "severity": "critical", "partition": "0"}, "state": "firing"},
    {"labels": {"alertname": "ConsumerStalled", "severity": "critical", "partition": "1"}, "state": "pending"},
    {"labels": {"alertname": "TargetDown", "severity": "critical", "job": "api"}, "state": "pending"}
]}}"""


class Alerts(BaseHTTPRequestHandler):
    """Answers every question with the alerts above."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@dataclass
class Script:
    """What alerts do, a look after the other, one second apart."""

    looks: list[Mapping[str, str]]
    now: float = -1
    told: list[str] = field(default_factory=list)

    def alerts(self) -> Mapping[str, str]:
        return self.looks[int(self.now)]

    def clock(self) -> float:
        return self.now

    def watched(self, *awaited: str) -> Timeline:
        timeline = Timeline(self, self.told.append, self.clock, awaited=frozenset(awaited))
        for _ in self.looks:
            self.now += 1
            timeline.look()
        return timeline


def test_an_alert_is_as_bad_as_its_worst_series_and_the_watchdog_is_none() -> None:
    with serving(server := ThreadingHTTPServer(("127.0.0.1", 0), Alerts)):
        alerts = Prometheus(f"http://127.0.0.1:{server.server_port}").alerts()
    assert alerts == {"ConsumerStalled": "firing", "TargetDown/api": "pending"}


def test_only_of_a_target_that_is_down_the_job_matters() -> None:
    assert identity({"alertname": "TargetDown", "job": "worker"}) == "TargetDown/worker"
    assert identity({"alertname": "LagUnknown", "job": "kafka-exporter"}) == "LagUnknown"


def test_an_alert_is_followed_from_pending_to_cleared() -> None:
    script = Script([{}, {"A": "pending"}, {"A": "pending"}, {"A": "firing"}, {"A": "firing"}, {}])
    assert script.watched("A").episodes == [Episode("A", began=1, fired=3, ended=5)]
    assert script.told == ["A is pending", "A fires", "A cleared"]


def test_an_alert_may_fire_at_once() -> None:
    assert Script([{}, {"A": "firing"}]).watched().episodes == [Episode("A", began=1, fired=1)]


def test_an_alert_that_comes_back_is_another_episode() -> None:
    script = Script([{"A": "firing"}, {}, {"A": "pending"}, {}])
    assert script.watched().episodes == [Episode("A", 0, 0, 1), Episode("A", 2, None, 3)]
    assert script.told == ["A fires", "A cleared"]


def test_what_is_true_now_is_known_apart_from_what_fires() -> None:
    timeline = Script([{"A": "firing", "B": "pending"}]).watched()
    assert (timeline.names(), timeline.firing()) == ({"A", "B"}, {"A"})

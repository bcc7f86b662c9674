"""The books of a run: what was sent, what was answered, and whether the table agrees."""

from array import array
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from traffic.client import Outcome
from traffic.fleet import Report
from traffic.metrics import Answer, TrafficMetrics
from traffic.plan import Kind
from traffic.sender import Exchange
from traffic.table import EventTable


class Audit(NamedTuple):
    """What the table says; every list holds event_ids."""

    stored: int
    missing: list[str]  # accepted, but not in the table
    repeated: list[str]  # in the table more than once
    unknown_stored: list[str]  # without a final answer, but in the table
    refused_stored: list[str]  # refused, but in the table


class Ledger:
    """Every item is entered once, under its final answer; the metrics are kept in step."""

    def __init__(self, metrics: TrafficMetrics) -> None:
        self._metrics = metrics
        self.answers: Counter[Answer] = Counter()
        self.accepted: dict[str, None] = {}  # event_ids, in the order of their answers
        self.resent = 0  # accepted answers to events that were accepted before
        self.retries: Counter[str] = Counter()
        self.surprises: Counter[str] = Counter()
        self.latencies, self.services, self.delays = array("d"), array("d"), array("d")
        self.seconds = 0.0  # from the start to the last answer
        self.cpu_seconds: dict[int, float] = {}  # by sender
        self._inflight: dict[int, int] = {}
        self._unanswered: set[str] = set()
        self._refused: set[str] = set()

    @property
    def sent(self) -> int:
        return self.answers.total()

    @property
    def unknown(self) -> set[str]:
        """Events that may or may not be accepted: no sending of them got a final answer."""
        return self._unanswered - self.accepted.keys()

    def enter(self, report: Report) -> None:
        self.cpu_seconds[report.sender] = report.cpu_seconds
        self._inflight[report.sender] = report.inflight
        self._metrics.inflight.set(sum(self._inflight.values()))
        self._enter_times(report.exchanges)
        for exchange in report.exchanges:
            self.retries.update(exchange.retries)
            self._metrics.retries.inc(len(exchange.retries))
        self._enter_outcomes([outcome for exchange in report.exchanges for outcome in exchange.outcomes])

    def _enter_times(self, exchanges: list[Exchange]) -> None:
        self.seconds = max((self.seconds, *(exchange.at + exchange.latency for exchange in exchanges)))
        latencies = [exchange.latency for exchange in exchanges]
        delays = [exchange.delay for exchange in exchanges]
        self.latencies.extend(latencies)
        self.services.extend(exchange.service for exchange in exchanges)
        self.delays.extend(delays)
        self._metrics.duration.observe_all(latencies)
        self._metrics.delay.observe_all(delays)

    def _enter_outcomes(self, outcomes: list[Outcome]) -> None:
        for answer, count in Counter(outcome.answer for outcome in outcomes).items():
            self.answers[answer] += count
            self._metrics.requests.labels(answer).inc(count)
        for outcome in outcomes:
            self._enter(outcome)

    def _enter(self, outcome: Outcome) -> None:
        match outcome.answer:
            case Answer.PUBLISHED | Answer.SPOOLED:
                self.resent += outcome.event_id in self.accepted
                self.accepted[outcome.event_id] = None
            case Answer.UNKNOWN if outcome.kind is not Kind.FLAW:
                self._unanswered.add(outcome.event_id)
            case Answer.REFUSED | Answer.UNKNOWN:
                self._refused.add(outcome.event_id)
            case Answer.UNEXPECTED:
                self.surprises[outcome.surprise] += 1

    def audit(self, table: EventTable) -> Audit:
        """One look at every event of the run. Raises TableUnreachable."""
        unknown, refused = self.unknown, self._refused
        rows = table.count([*self.accepted, *unknown, *refused])
        missing = [event_id for event_id in self.accepted if event_id not in rows]
        audit = Audit(
            stored=len(self.accepted) - len(missing),
            missing=missing,
            repeated=[event_id for event_id, count in rows.items() if count > 1],
            unknown_stored=sorted(unknown & rows.keys()),
            refused_stored=sorted(refused & rows.keys()),
        )
        self._metrics.missing.set(len(audit.missing))
        self._metrics.repeated.set(len(audit.repeated))
        return audit

    def faults(self, audit: Audit | None) -> Iterator[str]:
        """Why the run has failed; nothing when every event is accounted for."""
        if surprises := self.surprises.total():
            yield f"{surprises:,} answers were not what the event deserved"
        if in_doubt := len(self.unknown) - (len(audit.unknown_stored) if audit else 0):
            yield f"{in_doubt:,} events got no final answer" + (" and are not in the table" if audit else "")
        if audit is None:
            return
        if audit.missing:
            yield f"{len(audit.missing):,} accepted events are not in the table: lost, or no worker stores them"
        if audit.repeated:
            yield f"{len(audit.repeated):,} events are in the table more than once"
        if audit.refused_stored:
            yield f"{len(audit.refused_stored):,} refused events are in the table all the same"

"""Holds drills, one after the other."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import sleep
from typing import Final

import psycopg

from stack.drills.alerts import Timeline
from stack.drills.drill import LOOKING_BACK, Drill
from stack.drills.load import Load
from stack.drills.outcome import Books, Outcome, assign
from stack.drills.target import Target
from stack.errors import StackError

CLEAR_SECONDS: Final = 180
"""A service is back within half of it, and alerts that keep firing do so for a minute."""

ECHO_SECONDS: Final = 420
"""Alerts that look back on five minutes, and what they need besides."""

QUIET_SECONDS: Final = 60
REST_SECONDS: Final = 90
_SETTLED_SECONDS: Final = 8.0
"""The conservation law is exact after three scrapes at rest."""

_UNDER_WAY: Final = "sum(group:lag_records:sum) + pipeline:spool_records:sum"
_UNACCOUNTED: Final = "pipeline:events_unaccounted:sum"


@dataclass
class Runner:
    """Knows the stack, its alerts and the load on it.

    ``ask`` gets a query's number from Prometheus, ``wait`` shows what is waited for, ``pause`` sleeps.
    """

    target: Target
    ask: Callable[[str], float | None]
    timeline: Timeline
    load: Load
    announce: Callable[[Drill], None]
    tell: Callable[[str], None]
    wait: Callable[[str], None]
    pause: Callable[[float], None] = sleep
    outcomes: list[Outcome] = field(default_factory=list)

    def hold(self, drills: Iterable[Drill]) -> list[Outcome]:
        """Hold them until one leaves the stack in no state for the next, and wait for what looks back on them.

        Raises StackError when the stack is not quiet at first.
        """
        self._require_quiet()
        for drill in drills:
            if not self._await_all_but(self._echoes() - drill.expected, ECHO_SECONDS):
                break
            self.outcomes.append(self._hold(drill))
        self._await_all_but(set(), ECHO_SECONDS)
        assign(self.timeline.episodes, self.outcomes)
        return self.outcomes

    def _hold(self, drill: Drill) -> Outcome:
        self.announce(drill)
        self.timeline.awaited, self.load.users = drill.expected, drill.users
        injected = self.timeline.clock()
        with drill.fault(self.target):
            self.tell("the fault is in force")
            self._until(
                lambda: drill.expected <= self.timeline.firing(), drill.patience_seconds, _names(drill.expected)
            )
        healed = self.timeline.clock()
        self.tell("healed")
        self._await_all_but(self._echoes() | drill.echoes, CLEAR_SECONDS)
        books = self._balance()
        self.tell(f"{books.accepted:,} events accepted until now, {books.missing:,} of them missing")
        return Outcome(drill, injected, healed, books)

    def _echoes(self) -> set[str]:
        return {alert for outcome in self.outcomes for alert in outcome.drill.echoes}

    def _require_quiet(self) -> None:
        self.timeline.look()
        seconds = ECHO_SECONDS if self.timeline.names() & LOOKING_BACK else QUIET_SECONDS
        if not self._await_all_but(set(), seconds):
            raise StackError(
                f"A drill needs a quiet stack, and these alerts are true already: {_names(self.timeline.names())}. "
                "docs/runbooks has a page for each."
            )

    def _await_all_but(self, these: set[str] | frozenset[str], seconds: float) -> bool:
        """Whether nothing but these alerts is pending or firing in time."""
        return self._until(
            lambda: self.timeline.names() <= these,
            seconds,
            lambda: f"an end of {_names(self.timeline.names() - these)}",
        )

    def _until(self, true: Callable[[], bool], seconds: float, what: str | Callable[[], str]) -> bool:
        deadline = self.timeline.clock() + seconds
        self.timeline.look()
        while not true():
            if self.timeline.clock() > deadline:
                return False
            self.wait(f"waiting for {what if isinstance(what, str) else what()}")
            self.pause(1)
            self.timeline.look()
        return True

    def _balance(self) -> Books:
        self.load.rest()
        try:
            self._until(self._at_rest, REST_SECONDS, "every accepted event to be stored")
            self.pause(_SETTLED_SECONDS)
            load, unaccounted = self.load, self.ask(_UNACCOUNTED)
            return Books(load.accepted, load.missing(), unaccounted, load.refused, load.unanswered)
        finally:
            self.load.go_on()

    def _at_rest(self) -> bool:
        try:
            return self.load.missing() == 0 and self.ask(_UNDER_WAY) == 0
        except psycopg.OperationalError:
            return False


def _names(alerts: Iterable[str]) -> str:
    return " and ".join(sorted(alerts))

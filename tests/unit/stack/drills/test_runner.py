"""The course of drills, in a world whose clock goes as fast as anybody waits."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from stack.drills.alerts import Timeline
from stack.drills.drill import Drill
from stack.drills.outcome import Outcome
from stack.drills.runner import Runner
from stack.errors import StackError


@dataclass
class World:
    """Alerts that follow a fault after so many seconds, and its end after so many."""

    fires: Mapping[str, float] = field(default_factory=dict)
    clears: Mapping[str, float] = field(default_factory=dict)
    always: Mapping[str, str] = field(default_factory=dict)
    lost: int = 0
    now: float = 0
    broken: float | None = None
    healed: float | None = None
    faults: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    # What a fault does

    @contextmanager
    def fault(self, _: object) -> Iterator[None]:
        self.broken, self.healed = self.now, None
        self.faults.append("broken")
        try:
            yield
        finally:
            self.healed = self.now
            self.faults.append("healed")

    # What Prometheus says

    def alerts(self) -> Mapping[str, str]:
        return {**self.always, **{alert: "firing" for alert in self.fires if self._fires(alert)}}

    def _fires(self, alert: str) -> bool:
        if self.broken is None or self.now < self.broken + self.fires[alert]:
            return False
        return self.healed is None or self.now < self.healed + self.clears.get(alert, 5)

    # What the load does

    users = 0
    accepted = 100
    refused = 2
    unanswered = 1

    def rest(self) -> None:
        self.told.append("rests")

    def go_on(self) -> None:
        self.told.append("goes on")

    def missing(self) -> int:
        return self.lost

    # What time does

    def clock(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def drill(self, *expected: str, name: str = "sample", **along: str) -> Drill:
        return Drill(name, "It is done.", frozenset(expected), self.fault, 10, along, users=7)

    def hold(self, *drills: Drill) -> list[Outcome]:
        anything: Any = self
        timeline = Timeline(self, self.told.append, self.clock)
        runner = Runner(
            anything, lambda _: 0.0, timeline, anything, lambda _: None, self.told.append, lambda _: None, self.pause
        )
        return runner.hold(drills)


def test_the_fault_is_in_force_until_its_alerts_fire() -> None:
    world = World(fires={"A": 4, "B": 9})
    (outcome,) = world.hold(world.drill("A", "B"))
    assert outcome.problems() == []
    assert outcome.healed - outcome.injected == 9
    assert world.faults == ["broken", "healed"]


def test_the_fault_is_healed_when_an_alert_does_not_fire_in_time() -> None:
    world = World(fires={"A": 1000})
    (outcome,) = world.hold(world.drill("A"))
    assert outcome.problems() == ["A did not fire within 51 s"]
    assert world.faults == ["broken", "healed"]


def test_an_alert_nobody_expects_is_seen_also_after_the_healing() -> None:
    world = World(fires={"A": 4, "C": 2})
    (outcome,) = world.hold(world.drill("A"))
    assert outcome.problems() == ["C fired, and this fault is no reason for it"]


def test_what_the_gateway_refused_or_did_not_answer_is_told_and_is_no_failure() -> None:
    world = World(fires={"A": 4})
    (outcome,) = world.hold(world.drill("A"))
    assert outcome.problems() == []
    assert (outcome.books.refused, outcome.books.unanswered) == (2, 1)


def test_events_that_are_missing_fail_the_drill() -> None:
    world = World(fires={"A": 4}, lost=3)
    (outcome,) = world.hold(world.drill("A"))
    assert outcome.problems() == ["3 of 100 accepted events are not in the table"]


def test_the_load_rests_while_the_books_are_balanced_and_goes_on_for_the_next() -> None:
    world = World(fires={"A": 4})
    world.hold(world.drill("A"))
    assert world.told.index("rests") > world.told.index("healed")
    assert world.told.index("goes on") > world.told.index("rests")
    assert world.users == 7


def test_a_stack_that_is_not_quiet_gets_no_fault() -> None:
    world = World(always={"ConsumerStalled": "pending"})
    with pytest.raises(StackError, match="ConsumerStalled"):
        world.hold(world.drill("A"))
    assert world.faults == []


def test_what_looks_back_on_a_drill_delays_the_end_and_not_the_next() -> None:
    world = World(fires={"A": 4, "DeadLetters": 4}, clears={"DeadLetters": 300})
    first, second = world.hold(world.drill("A", "DeadLetters"), world.drill("A", name="next", DeadLetters="an echo"))
    assert second.injected < first.healed + 60
    assert world.now >= second.healed + 300
    assert [first.problems(), second.problems()] == [[], []]


def test_an_alert_that_does_not_clear_keeps_the_next_drill_from_beginning() -> None:
    world = World(fires={"A": 4}, clears={"A": 10_000})
    outcomes = world.hold(world.drill("A"), world.drill("A", name="next"))
    assert [outcome.problems() for outcome in outcomes] == [["A did not clear"]]
    assert world.faults == ["broken", "healed"]

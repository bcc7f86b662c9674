"""What a drill is."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

from stack.drills.target import Target

LOOKING_BACK: Final = frozenset({"FreshnessBudgetBurn", "LatencyBudgetBurn", "DeadLetters", "WorkerFenced"})
"""Alerts on what happened within the last five minutes: they go on that long after the fault is over."""


@dataclass(frozen=True)
class Drill:
    """A fault and its alerts. Alerts go by their name; TargetDown has its job behind a slash."""

    name: str
    story: str
    """What is done to the stack, in a sentence."""

    expected: frozenset[str]
    """Must fire, and clear."""

    fault: Callable[[Target], AbstractContextManager[None]]
    """In force inside the context; its end heals."""

    fires_seconds: int
    """Usual time until all that is expected fires."""

    along: Mapping[str, str] = field(default_factory=dict)
    """May fire as well, because the same fact makes them true: each with its reason. Must clear, too."""

    users: int = 100
    """Of how many users the load's events are; those of one are all in one partition."""

    @property
    def patience_seconds(self) -> int:
        """After this an alert that has not fired is missing."""
        return 2 * self.fires_seconds + 30

    def accepts(self, alert: str) -> bool:
        return alert in self.expected or alert in self.along

    @property
    def echoes(self) -> frozenset[str]:
        """Its alerts that outlast it."""
        return LOOKING_BACK & (self.expected | self.along.keys())

"""What came of a drill, and what is wrong with that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from stack.drills.alerts import Episode
from stack.drills.drill import Drill


@dataclass(frozen=True)
class Books:
    """Where the events are that were sent until now, once all is at rest."""

    accepted: int
    missing: int
    unaccounted: float | None
    """What Prometheus says of all events; None when it cannot say."""

    refused: int = 0
    unanswered: int = 0
    """Sent while the gateway was started anew; nobody promised them anything."""


@dataclass
class Outcome:
    """A drill that has been held; moments are seconds of the timeline's clock."""

    drill: Drill
    injected: float
    healed: float
    books: Books
    episodes: list[Episode] = field(default_factory=list)
    """What alerts did because of it."""

    def fired(self) -> Iterator[Episode]:
        return (episode for episode in self.episodes if episode.fired is not None)

    def problems(self) -> list[str]:
        """What is wrong; nothing when the drill has passed."""
        return [*self._missing(), *self._surprising(), *self._lasting(), *self._lost()]

    def _missing(self) -> Iterator[str]:
        for alert in sorted(self.drill.expected - {episode.alert for episode in self.fired()}):
            yield f"{alert} did not fire within {self.healed - self.injected:.0f} s"

    def _surprising(self) -> Iterator[str]:
        for alert in sorted({episode.alert for episode in self.fired() if not self.drill.accepts(episode.alert)}):
            yield f"{alert} fired, and this fault is no reason for it"

    def _lasting(self) -> Iterator[str]:
        for episode in self.fired():
            if episode.ended is None:
                yield f"{episode.alert} did not clear"

    def _lost(self) -> Iterator[str]:
        if self.books.missing:
            yield f"{self.books.missing:,} of {self.books.accepted:,} accepted events are not in the table"
        if self.books.unaccounted is None:
            yield "Prometheus cannot say whether events are unaccounted for"
        elif self.books.unaccounted:
            yield f"{self.books.unaccounted:,.0f} events are unaccounted for"


def assign(episodes: Sequence[Episode], outcomes: Sequence[Outcome]) -> None:
    """Give each episode to the drill it began in, or, when it looks back, to the one that it looks back on."""
    for episode in episodes:
        so_far = [outcome for outcome in outcomes if outcome.injected <= episode.began]
        if so_far:
            culprits = (outcome for outcome in reversed(so_far) if _explains(outcome, episode, so_far[-1]))
            next(culprits, so_far[-1]).episodes.append(episode)


def _explains(outcome: Outcome, episode: Episode, latest: Outcome) -> bool:
    return outcome.drill.accepts(episode.alert) and (outcome is latest or episode.alert in outcome.drill.echoes)

"""A dated report of drills, in Markdown: it names no machine and no path."""

import os
import platform
from collections.abc import Iterator, Sequence
from time import gmtime, strftime

from stack.drills.alerts import Episode
from stack.drills.outcome import Outcome

HEADINGS = ("drill", "verdict", "alert", "pending", "fires", "clears")


def rows(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, ...]]:
    """A line an alert: seconds from the fault until it was pending and fired, and from the healing until it cleared."""
    for outcome in outcomes:
        name, verdict = outcome.drill.name, "FAILED" if outcome.problems() else "passed"
        missing = sorted(outcome.drill.expected - {episode.alert for episode in outcome.fired()})
        lines = [_alert(outcome, episode) for episode in outcome.fired()]
        lines += [(alert, "", "never", "") for alert in missing]
        for line in lines:
            yield (name, verdict, *line)
            name = verdict = ""


def _alert(outcome: Outcome, episode: Episode) -> tuple[str, str, str, str]:
    return (
        episode.alert + _role(outcome, episode),
        _seconds(episode.began, outcome.injected),
        _seconds(episode.fired, outcome.injected),
        _seconds(episode.ended, outcome.healed),
    )


def _role(outcome: Outcome, episode: Episode) -> str:
    if episode.alert in outcome.drill.expected:
        return ""
    return " (along)" if episode.alert in outcome.drill.along else " (unexpected)"


def _seconds(moment: float | None, since: float) -> str:
    return "never" if moment is None else f"{max(moment - since, 0):.0f} s"


def render(outcomes: Sequence[Outcome], rate: float, when: float) -> str:
    """The report of drills that began at ``when``, Unix seconds."""
    failed = [outcome for outcome in outcomes if outcome.problems()]
    verdict = f"{len(failed)} of {len(outcomes)} failed" if failed else f"all {len(outcomes)} passed"
    return "\n".join(
        [
            f"# Drills of {strftime('%Y-%m-%d %H:%M UTC', gmtime(when))}: {verdict}",
            "",
            f"Under {rate:.0f} events a second, on {os.cpu_count()} cores ({platform.system()}, Python "
            f"{platform.python_version()}). *Pending* and *fires* count from the fault, *clears* from its healing; "
            "alerts are asked for every second and judged by Prometheus every two. Those that look back are kept on by "
            "the drills that come after.",
            "",
            *_table(outcomes),
            "",
            *(line for outcome in outcomes for line in _section(outcome)),
        ]
    )


def _table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield f"| {' | '.join(HEADINGS)} |"
    yield "|---|---|---|--:|--:|--:|"
    for row in rows(outcomes):
        yield f"| {' | '.join(row)} |"


def _section(outcome: Outcome) -> Iterator[str]:
    drill, books = outcome.drill, outcome.books
    yield f"## {drill.name}"
    yield ""
    yield f"{drill.story} In force for {outcome.healed - outcome.injected:.0f} s."
    yield ""
    for alert in sorted({episode.alert for episode in outcome.fired()} & drill.along.keys()):
        yield f"- Along came {alert}: {drill.along[alert]}."
    yield f"- {books.accepted:,} events accepted until its end, {books.missing:,} of them missing."
    yield f"- Until then {books.refused:,} refused, {books.unanswered:,} without an answer."
    for problem in outcome.problems():
        yield f"- **{problem[0].upper()}{problem[1:]}.**"
    yield ""

"""``python -m stack drill``: prepares, holds the drills, prints a table and saves the report."""

from collections.abc import Sequence
from pathlib import Path
from time import gmtime, monotonic, sleep, strftime, time

from stack.drills.alerts import Prometheus, Timeline
from stack.drills.drill import Drill
from stack.drills.load import Load
from stack.drills.outcome import Outcome
from stack.drills.report import HEADINGS, render, rows
from stack.drills.runner import ECHO_SECONDS, Runner
from stack.drills.target import Target
from stack.errors import StackError
from stack.home import Home
from stack.prometheus import books_are_open
from stack.screen import Screen
from stack.state import State

_BOOKS_SECONDS = 60
_HEAL_SECONDS = 25
"""Usual time from the healing until its alerts are clear and the books balanced."""


def drill(home: Home, reports: Path, state: State, screen: Screen, drills: Sequence[Drill], rate: float) -> int:
    """Hold these drills on the home's running stack; returns 1 when one fails, and heals whatever happens."""
    began, target = time(), Target(home, state, rate)
    screen.say(_estimate(drills))
    _await_books(target)
    with Load(target.api_url, target.database_url, rate) as load:
        outcomes = _hold(target, screen, load, drills)
    report = _save(reports, render(outcomes, rate, began), began)
    _print(screen, outcomes, report)
    if held_back := drills[len(outcomes) :]:
        screen.complain(f"Not held, because alerts do not clear: {', '.join(drill.name for drill in held_back)}.")
    return 1 if held_back or any(outcome.problems() for outcome in outcomes) else 0


def _hold(target: Target, screen: Screen, load: Load, drills: Sequence[Drill]) -> list[Outcome]:
    prometheus, since = Prometheus(target.prometheus_url), monotonic()

    def announce(drill: Drill) -> None:
        nonlocal since
        since = monotonic()
        screen.say(f"{drill.name}: {drill.story} Must fire: {' and '.join(sorted(drill.expected))}.")

    def tell(what: str) -> None:
        screen.say(f"{monotonic() - since:6.0f} s  {what}")

    with screen.waiting() as show:

        def wait(what: str) -> None:
            show(f"{monotonic() - since:6.0f} s  {what}")

        timeline = Timeline(prometheus, tell)
        return Runner(target, prometheus.value, timeline, load, announce, tell, wait).hold(drills)


def _estimate(drills: Sequence[Drill]) -> str:
    seconds = sum(drill.fires_seconds + _HEAL_SECONDS for drill in drills)
    if any(drill.echoes for drill in drills):
        seconds += ECHO_SECONDS - 60
    names = ", ".join(drill.name for drill in drills)
    return f"{names}: about {round(seconds / 60) or 1} minutes. Ctrl-C heals the fault and stops."


def _await_books(target: Target) -> None:
    deadline = monotonic() + _BOOKS_SECONDS
    while not books_are_open(target.state.ports):
        if monotonic() > deadline:
            raise StackError("Prometheus has not seen every service: `python -m stack doctor` tells what is missing.")
        sleep(0.5)


def _save(reports: Path, text: str, began: float) -> Path:
    reports.mkdir(parents=True, exist_ok=True)
    report = reports / strftime("drill-%Y%m%dT%H%M%SZ.md", gmtime(began))
    report.write_text(text)
    return report


def _print(screen: Screen, outcomes: Sequence[Outcome], report: Path) -> None:
    screen.table(HEADINGS, rows(outcomes))
    for outcome in outcomes:
        for problem in outcome.problems():
            screen.complain(f"{outcome.drill.name}: {problem}.")
    screen.say(f"Report: {report}")

"""The table of a run, for a terminal and for the pages of docs."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.table import Table

from benchmarks.check import Verdict
from benchmarks.pace import Pace
from benchmarks.results import Results, Spread
from benchmarks.targets import targets

_TEMPLATES: Final = Path(__file__).with_name("pages")
_DOCS: Final = Path(__file__).parent.parent / "docs"
_FACT: Final = re.compile(r"\{\{(\w+) ?([^}]*)\}\}")

_HEADS: Final = (
    "case",
    "events/s: min", "median", "max", "times the yardstick",
    "CPU s per million", "peak MB",
    "p50 ms", "p99 ms", "worst ms",
)  # fmt: skip


def table(results: Results) -> Table:
    """As a person reads it at the end of a run."""
    shown = Table(*_HEADS, title=f"{results.rounds} rounds of {results.seconds:g} s")
    shown.columns[0].no_wrap = True
    for column in shown.columns[1:]:
        column.justify = "right"
    for row in _rows(results):
        shown.add_row(*row)
    return shown


def verdicts(found: list[Verdict]) -> Table:
    shown = Table("case", "committed", "now", "change", "noise", "verdict", title="ratios to the yardsticks")
    for verdict in found:
        shown.add_row(
            verdict.case,
            f"{verdict.committed.middle:.2f}",
            f"{verdict.now.middle:.2f}",
            f"{verdict.change:+.0%}",
            f"±{verdict.noise:.0%}",
            "[red]slower[/red]" if verdict.slower else "[green]ok[/green]",
        )
    return shown


def pages(results: Results) -> dict[Path, str]:
    """The pages of docs that tell of results, by their paths. A template names a fact in double braces."""

    def fact(found: re.Match[str]) -> str:
        return _fact(results, found[1], found[2])

    return {_DOCS / template.name: _FACT.sub(fact, template.read_text()) for template in _TEMPLATES.glob("*.md")}


def pace(told: Pace) -> str:
    """For the terminal and for the page."""
    quick, slow = told.among(slow=False), told.among(slow=True)
    return (
        f"In the third of the time when the core was quickest an event took {quick.cpu_us:.1f} µs of it, and"
        f" {quick.rate:,.0f} a second came through; in the slowest third it took {slow.cpu_us:.1f} µs, and"
        f" {slow.rate:,.0f} came. The probe's work swung {told.swing:.1f}-fold; from one half second to the next its"
        f" time and an event's went together with a correlation of {told.correlation:.2f}."
    )


def _fact(results: Results, name: str, about: str) -> str:
    match name:
        case "table":
            return _markdown(_HEADS, _rows(results))
        case "targets":
            return _markdown(("", "aimed for", "found", ""), _goals(results))
        case "rate":
            return f"{results.middle(about, lambda sample: sample.rate):,.0f}"
        case "times":
            case, other = about.split(" / ")
            return f"{results.over(case, other, lambda sample: sample.rate):.2f}"
        case "pace":
            assert results.pace  # the page is of a whole run
            return pace(results.pace)
        case _:
            return f"{getattr(results, name)}"


def _markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("|".join(("", *line, "")) for line in lines)


def _goals(results: Results) -> Iterator[tuple[str, ...]]:
    for goal in targets(results):
        sign = "at least" if goal.at_least else "at most"
        yield (
            goal.name,
            f"{sign} {goal.wanted:,g}{goal.unit}",
            f"{goal.found:,.0f}{goal.unit}" if goal.found >= 1_000 else f"{goal.found:.4g}{goal.unit}",
            "" if goal.holds else "no",
        )


def _rows(results: Results) -> Iterator[tuple[str, ...]]:
    for case in results.samples:
        rate, ratio = results.spread(case, lambda sample: sample.rate), results.ratio(case)
        assert rate is not None  # every sample has one
        yield (
            case,
            *(f"{value:,.0f}" for value in (rate.low, rate.middle, rate.high)),
            f"{ratio.middle:.2f}" if ratio else "",
            *_middles(results, case),
        )


def _middles(results: Results, case: str) -> Iterator[str]:
    yield _number(results.spread(case, lambda sample: sample.cpu_us), 1)
    yield _largest(results.spread(case, lambda sample: sample.peak_mb))
    yield _number(results.spread(case, lambda sample: sample.p50_ms), 2)
    yield _number(results.spread(case, lambda sample: sample.p99_ms), 1)
    yield _largest(results.spread(case, lambda sample: sample.worst_ms))


def _number(spread: Spread | None, digits: int) -> str:
    return f"{spread.middle:,.{digits}f}" if spread else ""


def _largest(spread: Spread | None) -> str:
    return f"{spread.high:,.0f}" if spread else ""

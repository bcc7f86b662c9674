"""The table of a run, for a terminal and for docs/performance.md."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.table import Table

from benchmarks.check import Verdict
from benchmarks.results import Results, Spread

PAGE: Final = Path(__file__).parent.parent / "docs" / "performance.md"
NOTES: Final = Path(__file__).with_name("notes.md")

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


def page(results: Results) -> str:
    """docs/performance.md: the notes, with the run's table in them."""
    lines = ["|".join(("", *_HEADS, "")), "|".join(("", "---", *["---:"] * (len(_HEADS) - 1), ""))]
    lines += ["|".join(("", *row, "")) for row in _rows(results)]
    facts = {
        "table": "\n".join(lines),
        "rounds": str(results.rounds),
        "seconds": f"{results.seconds:g}",
        "machine": results.machine,
        "taken": results.taken,
    }
    text = NOTES.read_text()
    for name, fact in facts.items():
        text = text.replace("{{" + name + "}}", fact)
    return text


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

"""The page and the table say what was saved."""

from io import StringIO

from rich.console import Console

from benchmarks import report
from benchmarks.plan import cases
from benchmarks.results import SAVED, Results
from benchmarks.sample import Sample


def test_the_committed_pages_are_what_the_committed_results_render() -> None:
    pages = report.pages(Results.load(SAVED))
    assert {path.name for path in pages} == {"performance.md", "scaling.md"}
    for path, text in pages.items():
        assert path.read_text() == text


def test_the_committed_results_have_every_case_of_the_plan() -> None:
    assert list(Results.load(SAVED).samples) == [case.name for case in cases()]


def test_a_row_has_the_rates_the_ratio_and_the_costs() -> None:
    ours, seed = (Sample(rate * 2, 2, cpu, 60, 1.5, 4.25, 9.6) for rate, cpu in ((12_000, 1.2), (2_000, 1.0)))
    results = Results(1, 2, yardsticks={"ours": "seed", "seed": "seed"}, samples={"ours": [ours], "seed": [seed]})
    console = Console(width=150, file=StringIO())
    console.print(report.table(results))
    (row,) = (line for line in console.file.getvalue().splitlines() if "ours" in line)  # type: ignore[attr-defined]
    assert row.strip("│ ").replace(" ", "").split("│") == (
        ["ours", "12,000", "12,000", "12,000", "6.00", "50.0", "60", "1.50", "4.2", "10"]
    )

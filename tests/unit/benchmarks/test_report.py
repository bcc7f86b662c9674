"""The page and the table say what was saved."""

from benchmarks import report
from benchmarks.plan import cases
from benchmarks.results import SAVED, Results
from benchmarks.sample import Sample


def test_the_committed_page_is_what_the_committed_results_render() -> None:
    assert report.PAGE.read_text() == report.page(Results.load(SAVED))


def test_the_committed_results_have_every_case_of_the_plan() -> None:
    assert list(Results.load(SAVED).samples) == [case.name for case in cases()]


def test_a_row_has_the_rates_the_ratio_and_the_costs() -> None:
    ours, seed = (Sample(rate * 2, 2, cpu, 60, 1.5, 4.25, 9.6) for rate, cpu in ((12_000, 1.2), (2_000, 1.0)))
    results = Results(1, 2, yardsticks={"ours": "seed", "seed": "seed"}, samples={"ours": [ours], "seed": [seed]})
    assert "|ours|12,000|12,000|12,000|6.00|50.0|60|1.50|4.2|10|" in report.page(results)

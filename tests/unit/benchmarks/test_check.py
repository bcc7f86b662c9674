"""What bench-check calls slower: less than was committed, by more than the rounds differ among themselves."""

import pytest

from benchmarks.check import Verdict, compare
from benchmarks.results import Results, Spread
from benchmarks.sample import Sample

COMMITTED = Spread(9.5, 10, 10.5)


@pytest.mark.parametrize(
    ("now", "slower"),
    [
        (Spread(9.4, 9.6, 9.8), False),  # within the ten percent that the committed rounds differ by
        (Spread(8.7, 8.8, 8.9), True),
        (Spread(6, 8.8, 10), False),  # these rounds differ too much to blame anything
        (Spread(5, 6, 7), True),
        (Spread(14, 15, 16), False),
    ],
)
def test_slower_is_beyond_the_noise_of_both_runs(now: Spread, slower: bool) -> None:
    assert Verdict("case", COMMITTED, now).slower is slower


def test_rounds_that_happen_to_agree_are_not_taken_for_exact() -> None:
    assert not Verdict("case", Spread(10, 10, 10), Spread(9.6, 9.6, 9.6)).slower


def test_only_cases_with_a_ratio_in_both_runs_are_compared() -> None:
    def run(*cases: str) -> Results:
        one = Sample(events=10, seconds=1, cpu_seconds=1, peak_mb=1)
        return Results(1, 1, yardsticks=dict.fromkeys(cases, "seed"), samples={case: [one] for case in cases})

    verdicts = compare(run("seed", "old", "both"), run("seed", "both", "new"))
    assert [verdict.case for verdict in verdicts] == ["both"]

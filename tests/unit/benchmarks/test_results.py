"""What follows from samples: middles, spreads, ratios within a round; and what is saved comes back."""

from pathlib import Path

import pytest

from benchmarks.results import Results, Spread
from benchmarks.sample import Sample


def sample(rate: float, cpu_seconds: float = 1.0, p50_ms: float | None = None) -> Sample:
    return Sample(events=int(rate * 2), seconds=2, cpu_seconds=cpu_seconds, peak_mb=50, p50_ms=p50_ms)


@pytest.fixture
def results() -> Results:
    return Results(
        rounds=3,
        seconds=2,
        yardsticks={"ours": "theirs", "theirs": "theirs"},
        samples={"ours": [sample(100), sample(400), sample(90)], "theirs": [sample(10), sample(40), sample(30)]},
    )


def test_a_spread_is_smallest_middle_and_largest() -> None:
    assert Spread.of([5, 1, 3]) == Spread(1, 3, 5)
    assert Spread(90, 100, 120).noise == pytest.approx(0.3)


def test_a_ratio_divides_what_was_measured_in_the_same_round(results: Results) -> None:
    assert results.ratio("ours") == Spread(3, 10, 10)


def test_a_yardstick_has_no_ratio_to_itself(results: Results) -> None:
    assert results.ratio("theirs") is None


def test_a_case_whose_yardstick_was_left_out_has_no_ratio(results: Results) -> None:
    del results.samples["theirs"]
    assert results.ratio("ours") is None


def test_what_a_case_cannot_tell_has_no_spread(results: Results) -> None:
    assert results.spread("ours", lambda one: one.p50_ms) is None
    assert results.spread("ours", lambda one: one.rate) == Spread(90, 100, 400)


def test_processor_time_is_for_an_event() -> None:
    assert sample(500, cpu_seconds=0.05).cpu_us == pytest.approx(50)


def test_over_all_rounds_a_busier_one_weighs_more(results: Results) -> None:
    results.samples["ours"] = [sample(100, cpu_seconds=0.02), sample(300, cpu_seconds=0.02)]
    assert results.cpu_us("ours") == pytest.approx(50)


def test_saved_results_come_back_as_they_were(results: Results, tmp_path: Path) -> None:
    results.save(tmp_path / "results.json")
    assert Results.load(tmp_path / "results.json") == results

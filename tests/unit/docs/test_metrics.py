from pathlib import Path

from docs import metrics


def test_the_page_of_metrics_is_current() -> None:
    assert Path(metrics.__file__).with_name("metrics.md").read_text() == metrics.render()


def test_every_recorded_signal_has_its_meaning_told() -> None:
    told = [line for line in metrics.render().splitlines() if line.startswith("| `") and line.endswith("|  |")]
    assert told == []

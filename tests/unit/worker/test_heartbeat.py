from pathlib import Path

from worker.heartbeat import Heartbeat


def test_a_beat_touches_the_file(tmp_path: Path) -> None:
    Heartbeat(tmp_path / "beat").beat()
    assert tmp_path.joinpath("beat").exists()


def test_a_beat_right_after_another_costs_nothing(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path / "beat")
    heartbeat.beat()
    tmp_path.joinpath("beat").unlink()
    heartbeat.beat()
    assert not tmp_path.joinpath("beat").exists()


def test_without_a_path_nothing_is_touched(tmp_path: Path) -> None:
    Heartbeat(None).beat()
    assert list(tmp_path.iterdir()) == []

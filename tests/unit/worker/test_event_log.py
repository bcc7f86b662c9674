"""consumer.log: a line an event, whatever the event holds and whatever the disk does."""

import gzip
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from json import loads
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tests.unit.worker.records import event_of, value
from worker.event_log import EventLog
from worker.metrics import WorkerMetrics
from worker.packing import pack
from worker.settings import EventLogSettings

Open = Callable[..., EventLog]


@pytest.fixture
def metrics() -> WorkerMetrics:
    return WorkerMetrics(CollectorRegistry())


@pytest.fixture
def open_log(tmp_path: Path, metrics: WorkerMetrics) -> Iterator[Open]:
    opened = []

    def open_log(**settings: Any) -> EventLog:
        settings = {"path": tmp_path / "logs" / "consumer.log", **settings}
        opened.append(EventLog(EventLogSettings(**settings), metrics))
        return opened[-1]

    yield open_log
    for log in opened:
        log.close()


def lines(path: Path) -> list[Any]:
    return [loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def offsets(path: Path) -> list[int]:
    return [line["offset"] for line in lines(path)]


def unpacked(paths: list[Path]) -> list[int]:
    return [loads(line)["offset"] for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]


def count(metrics: WorkerMetrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(f"pipeline_event_log_{name}_total")


def test_each_event_is_one_line_with_its_place(open_log: Open, metrics: WorkerMetrics) -> None:
    log = open_log()
    log.write([event_of(value(), offset=offset) for offset in (1, 2, 3)])
    assert [(line["partition"], line["offset"]) for line in lines(log.path)] == [(3, 1), (3, 2), (3, 3)]
    assert lines(log.path)[0]["event"] == loads(value())
    assert count(metrics, "lines") == 3


def test_a_line_tells_its_request_and_when_it_was_written(open_log: Open) -> None:
    log, before = open_log(), datetime.now(UTC)
    log.write([event_of(value())])
    (line,) = lines(log.path)
    assert line["request_id"] == "request-1"
    assert before <= datetime.fromisoformat(line["logged_at"]) <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("header", "told"), [(b'a"b\\c', 'a"b\\c'), (b"{0}", "{0}"), (b"\x00", None), (None, None)], ids=repr
)
def test_a_request_id_cannot_break_its_line(open_log: Open, header: bytes | None, told: str | None) -> None:
    log = open_log()
    log.write([event_of(value(), headers=[("request_id", header)])])
    (line,) = lines(log.path)
    assert line["request_id"] == told


@pytest.mark.parametrize(
    "text",
    ["{braces} {} {0}", "<red>markup</red>", "\\n is a newline", "\\u001b[31mred\\u001b[0m", "%s %d", "é🙂", "\\\\"],
)
def test_whatever_a_text_holds_it_stays_one_line_and_itself(open_log: Open, text: str) -> None:
    log = open_log()
    body = value(f'"properties":{{"text":"{text}"}},')
    log.write([event_of(body), event_of(value())])
    assert [line["event"] for line in lines(log.path)] == [loads(body), loads(value())]
    assert b"\x1b" not in log.path.read_bytes()


def test_layout_in_a_value_does_not_break_its_line(open_log: Open) -> None:
    log = open_log()
    log.write([event_of(b"\r\n " + value().replace(b",", b",\r\n  ") + b"\n")])
    (line,) = lines(log.path)
    assert line["event"] == loads(value())


def test_an_empty_batch_writes_nothing(open_log: Open) -> None:
    log = open_log()
    log.write([])
    assert log.path.read_bytes() == b""


def packed_beside(path: Path) -> list[Path]:
    for thread in threading.enumerate():
        if thread.name == "pack-log":
            thread.join()
    assert not list(path.parent.glob(".*.part"))
    return sorted(path.parent.glob("consumer.*.log.gz"))


def test_what_cannot_be_packed_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "consumer.1.log"
    path.write_text("a line\n")
    (tmp_path / "consumer.1.log.gz").mkdir()
    pack(path)
    assert path.read_text() == "a line\n"
    assert not list(tmp_path.glob(".*.part"))


def test_files_are_rotated_packed_and_only_so_many_are_kept(open_log: Open, metrics: WorkerMetrics) -> None:
    log = open_log(rotation="1 KB", retention=2)
    for offset in range(60):
        log.write([event_of(value(), offset=offset)])
    packed = packed_beside(log.path)
    assert len(packed) == 2
    kept = unpacked(packed) + offsets(log.path)
    assert kept == list(range(60 - len(kept), 60))
    assert count(metrics, "lines") == 60


def test_no_line_is_lost_or_torn_by_rotation(open_log: Open) -> None:
    log = open_log(rotation="2 KB", retention=1000)
    for first in range(0, 120, 4):
        log.write([event_of(value(), offset=offset) for offset in range(first, first + 4)])
    packed = packed_beside(log.path)
    assert len(packed) > 5
    assert sorted(unpacked(packed) + offsets(log.path)) == list(range(120))


@pytest.mark.parametrize("vanish", [Path.unlink, lambda path: path.rename(path.with_name("moved.log"))])
def test_a_file_that_vanished_is_begun_anew(open_log: Open, vanish: Callable[[Path], object]) -> None:
    log = open_log()
    log.write([event_of(value(), offset=1)])
    vanish(log.path)
    log.write([event_of(value(), offset=2)])
    assert offsets(log.path) == [2]


def test_a_second_process_takes_the_next_name_and_the_name_is_free_again_later(open_log: Open, tmp_path: Path) -> None:
    first = open_log()
    with multiprocessing.get_context("spawn").Pool(1) as other:
        assert other.apply(_name_of_another, (tmp_path / "logs" / "consumer.log",)) == "consumer-2.log"
    assert open_log().path.name == "consumer-2.log"
    assert open_log().path.name == "consumer-3.log"
    assert first.path.name == "consumer.log"


def _name_of_another(path: Path) -> str:
    log = EventLog(EventLogSettings(path=path), WorkerMetrics(CollectorRegistry()))
    log.close()
    return log.path.name


def test_two_logs_of_one_process_do_not_mix(open_log: Open) -> None:
    first, second = open_log(), open_log()
    first.write([event_of(value(), offset=1)])
    second.write([event_of(value(), offset=2)])
    assert offsets(first.path) == [1]
    assert offsets(second.path) == [2]


# loguru keeps the file whose last flush failed, so only its finaliser can close it; and that tells Python's warnings.
leaves_closing_to_python = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@leaves_closing_to_python
def test_a_full_disk_is_counted_and_stops_nothing(open_log: Open, tmp_path: Path, metrics: WorkerMetrics) -> None:
    full = tmp_path / "consumer.log"
    full.symlink_to("/dev/full")
    log = open_log(path=full)
    for _ in range(3):
        log.write([event_of(value()), event_of(value())])
    assert count(metrics, "errors") == 6
    assert metrics.registry.get_sample_value("pipeline_consumer_errors_total", {"step": "log"}) == 3
    assert count(metrics, "lines") == 0
    full.unlink()
    log.write([event_of(value(), offset=9)])
    log.write([event_of(value(), offset=10)])
    assert full.read_bytes().startswith(b"\n{")  # ends what may have been torn
    assert [loads(line)["offset"] for line in full.read_bytes().split()] == [9, 10]
    assert count(metrics, "lines") == 2


@leaves_closing_to_python
def test_a_full_disk_at_the_end_does_not_keep_the_worker_from_closing(tmp_path: Path, metrics: WorkerMetrics) -> None:
    full = tmp_path / "consumer.log"
    full.symlink_to("/dev/full")
    log = EventLog(EventLogSettings(path=full), metrics)
    log.write([event_of(value())])
    log.close()
    heir = EventLog(EventLogSettings(path=full), metrics)
    assert heir.path == full
    heir.close()


@leaves_closing_to_python
def test_a_folder_that_vanished_and_cannot_be_made_is_counted(
    open_log: Open, tmp_path: Path, metrics: WorkerMetrics
) -> None:
    log = open_log(path=tmp_path / "gone" / "consumer.log")
    log.write([event_of(value())])
    tmp_path.joinpath("gone").rename(tmp_path / "elsewhere")
    tmp_path.joinpath("gone").write_text("in the way")
    for _ in range(3):
        log.write([event_of(value())])
    assert count(metrics, "errors") == 3
    tmp_path.joinpath("gone").unlink()
    log.write([event_of(value(), offset=5)])
    assert loads((tmp_path / "gone" / "consumer.log").read_bytes())["offset"] == 5
    assert count(metrics, "lines") == 2

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from stack.errors import ServiceFailed
from stack.home import ROOT
from stack.process import Process, tail
from stack.service import Service
from tests.waiting import until

FOREVER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {FOREVER!r}], start_new_session=True)"

Starter = Callable[..., Process]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Starter]:
    """Begins a process of a few lines of Python; whatever is left of it at the end is killed."""
    processes: list[Process] = []

    def start(code: str, **what: object) -> Process:
        service = Service("sample", (sys.executable, "-c", code), **what)  # type: ignore[arg-type]
        process = Process(service, tmp_path / "logs" / "sample.log")
        processes.append(process)
        process.begin()
        return process

    yield start
    for process in processes:
        process.destroy()


def never() -> bool:
    return False


def says(process: Process, word: str) -> Callable[[], bool]:
    return lambda: word in process.log.read_text()


def test_begin_returns_before_the_service_is_ready(begin: Starter) -> None:
    process = begin(FOREVER, ready=never)
    assert not process.check()
    assert not process.ended


def test_a_process_is_ready_when_its_service_says_so(begin: Starter) -> None:
    answers = iter([False, False, True])
    process = begin(FOREVER, ready=lambda: next(answers))
    assert [process.check() for _ in range(3)] == [False, False, True]


def test_output_and_errors_go_to_the_log(begin: Starter) -> None:
    process = begin(
        "import os, sys; print(os.environ['GREETING']); sys.stderr.write('bad news')",
        one_shot=True,
        environment={"GREETING": "hello"},
    )
    until(process.check, within=20)
    assert set(process.log.read_text().splitlines()) == {"hello", "bad news"}


def test_configuration_is_written_before_each_start(begin: Starter, tmp_path: Path) -> None:
    config = tmp_path / "config" / "sample.conf"
    process = begin(f"print(open({str(config)!r}).read())", files={config: "colour=blue"}, one_shot=True)
    until(process.check, within=20)
    assert "colour=blue" in process.log.read_text()


def test_a_service_that_ends_with_an_error_fails_with_the_end_of_its_log(begin: Starter) -> None:
    process = begin("print('no room'); raise SystemExit(3)", ready=never)
    with pytest.raises(ServiceFailed, match=r"sample ended with exit code 3(.|\n)*no room"):
        until(process.check, within=20)


def test_a_service_that_ends_without_an_error_fails_too(begin: Starter) -> None:
    process = begin("", ready=never)
    with pytest.raises(ServiceFailed, match="sample ended by itself"):
        until(process.check, within=20)


def test_a_service_that_never_gets_ready_fails_when_its_time_is_up(begin: Starter) -> None:
    process = begin(FOREVER, ready=never, start_seconds=0.2)
    with pytest.raises(ServiceFailed, match=r"sample was not ready within 0 s"):
        until(process.check, within=20)


def test_a_one_shot_is_ready_only_when_it_has_ended(begin: Starter, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    process = begin(f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)", one_shot=True)
    assert not process.check()
    gate.touch()
    until(process.check, within=20)


def test_a_service_may_end_as_often_as_it_has_attempts_for(begin: Starter, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    code = f"open({str(marks)!r}, 'a').write('x'); raise SystemExit(0 if len(open({str(marks)!r}).read()) > 2 else 1)"
    until(begin(code, attempts=3, one_shot=True).check, within=20)
    assert marks.read_text() == "xxx"
    marks.unlink()
    with pytest.raises(ServiceFailed, match="exit code 1"):
        until(begin(code, attempts=2, one_shot=True).check, within=20)


def test_end_asks_first(begin: Starter) -> None:
    code = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye')))\n" + FOREVER
    process = begin(code)
    until(says(process, "up"), within=20)
    process.end()
    assert process.ended
    assert "bye" in process.log.read_text()


def test_end_kills_what_does_not_listen(begin: Starter) -> None:
    process = begin(STUBBORN, stop_seconds=0.2)
    until(says(process, "up"), within=20)
    process.end()
    assert process.ended


def test_a_paused_process_can_still_be_ended(begin: Starter) -> None:
    process = begin(FOREVER)
    until(says(process, "up"), within=20)
    process.signal(signal.SIGSTOP)
    until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, within=20)
    process.end()
    assert process.ended


def test_children_in_a_session_of_their_own_are_killed_too(begin: Starter) -> None:
    process = begin(PARENT)
    until(says(process, "up"), within=20)
    children = psutil.Process(process.pid).children(recursive=True)
    process.destroy()
    assert len(children) == 1
    psutil.wait_procs(children, timeout=20)
    assert not children[0].is_running()


def test_a_tail_is_the_last_lines_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "sample.log"
    log.write_text("\n".join(str(number) for number in range(100)))
    assert tail(log, lines=2) == "    98\n    99"
    assert tail(tmp_path / "none.log") == "    (no log)"


def test_the_end_of_one_command_kills_nobody_elses_processes(begin: Starter) -> None:
    """Mirakuru by itself would: it looks for its process number inside the others' marks."""
    process = begin(FOREVER)
    until(says(process, "up"), within=20)
    mark = psutil.Process(process.pid).environ()["mirakuru_uuid"]
    look_alike = f"import os; os.getpid = lambda: {mark[:3]!r}; import stack.process"
    subprocess.run([sys.executable, "-c", look_alike], cwd=ROOT, check=True, timeout=60)
    assert not process.ended


def test_a_process_that_may_write_to_no_file_is_told_so_until_it_may_again(begin: Starter, tmp_path: Path) -> None:
    tries = (
        "import os, time; from pathlib import Path\n"
        f"os.chdir({str(tmp_path)!r})\n"
        "while True:\n"
        "    try: Path('file').write_text('x'); result = 'written'\n"
        "    except OSError as error: result = error.strerror\n"
        "    os.makedirs(result, exist_ok=True)\n"  # a folder needs no room in a file
        "    time.sleep(0.01)\n"
    )
    process = begin(tries)
    until((tmp_path / "written").is_dir, within=30)
    process.allow_files(0)
    until((tmp_path / "File too large").is_dir, within=30)
    (tmp_path / "written").rmdir()
    process.allow_files(psutil.RLIM_INFINITY)
    until((tmp_path / "written").is_dir, within=30)

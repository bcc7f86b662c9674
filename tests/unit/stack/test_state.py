import subprocess
import sys
from collections.abc import Callable, Iterator
from os import environ
from pathlib import Path

import psutil
import pytest

from stack.home import Home
from stack.lifecycle import down, running
from stack.ports import Ports
from stack.process import MARK
from stack.programs import Programs
from stack.state import Row, State, processes
from tests.waiting import until

SLEEP = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"

Marked = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def marked(home: Home) -> Iterator[Marked]:
    """Starts a process that belongs to the home's stack."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str = SLEEP) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", code], env={**environ, MARK: str(home.root)}, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def state(**changes: object) -> State:
    programs = Programs(Path("/jars"), Path("/prometheus"), Path("/promtool"), None, Path("/grafana"))
    return State(Ports.plan(free=True, workers=2), programs, **changes)  # type: ignore[arg-type]


def test_a_state_is_read_as_it_was_written(home: Home) -> None:
    written = state(supervisor=4711, started=True, services={"kafka": Row("ready", 12, "127.0.0.1:9092", False)})
    written.save(home)
    assert State.load(home) == written


def test_without_a_stack_there_is_no_state(home: Home) -> None:
    assert State.load(home) is None
    assert running(home) is None


def test_a_stack_is_known_by_the_mark_of_its_processes(home: Home, marked: Marked) -> None:
    process = marked()
    assert [found.pid for found in processes(home)] == [process.pid]
    assert processes(Home(home.root / "other")) == []


def test_a_stack_runs_while_its_supervisor_lives(home: Home, marked: Marked) -> None:
    supervisor = marked()
    state(supervisor=supervisor.pid, started=True).save(home)
    assert running(home)
    supervisor.kill()
    until(lambda: not running(home), within=20)


def test_a_number_that_another_program_got_is_no_supervisor(home: Home) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        state(supervisor=stranger.pid, started=True).save(home)
        assert running(home) is None


def test_a_stack_that_is_still_starting_does_not_run_yet(home: Home, marked: Marked) -> None:
    state(supervisor=marked().pid).save(home)
    assert running(home) is None


def test_down_stops_what_no_file_tells_of(home: Home, marked: Marked) -> None:
    process = marked()
    assert down(home) == 1
    assert not psutil.pid_exists(process.pid)


def test_down_kills_what_ignores_it(home: Home, marked: Marked) -> None:
    process = marked(STUBBORN)
    assert down(home, patience_seconds=0.2) == 1
    assert not psutil.pid_exists(process.pid)


def test_down_forgets_the_stack(home: Home) -> None:
    state(supervisor=1).save(home)
    assert down(home) == 0
    assert State.load(home) is None

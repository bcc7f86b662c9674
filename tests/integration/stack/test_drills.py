"""Drills on a real stack: short ones that pass and fail, and what becomes of the fault when a drill is stopped."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.drills import faults
from stack.drills.command import drill
from stack.drills.drill import Drill
from stack.home import ROOT, Home
from stack.lifecycle import running
from stack.screen import Screen
from stack.state import State
from tests.integration.stack.commands import command, run, running_home
from tests.waiting import until


def state_of(home: Home) -> State:
    state = running(home)
    assert state
    return state


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with running_home() as home:
        yield home


@pytest.fixture
def broken_drill(home: Home) -> Iterator["subprocess.Popen[str]"]:
    """A drill that has killed the worker, and waits for alerts."""
    with subprocess.Popen(
        command(home, "drill", "worker-dead"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as holding:
        until(lambda: state_of(home).services["worker"].phase == "stopped", within=60)
        yield holding
        if holding.poll() is None:
            holding.kill()


def test_a_drill_passes_and_leaves_a_dated_report(home: Home) -> None:
    done = run(home, "drill", "exporter-blind")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"LagUnknown fires(.|\n)*healed(.|\n)*LagUnknown cleared", done.stdout)
    (report,) = home.reports.glob("drill-*.md")
    text = report.read_text()
    assert re.search(r"\| exporter-blind \| passed \| LagUnknown \| \d+ s \| \d+ s \| \d+ s \|", text)
    assert re.search(r"[1-9]\d* events accepted until its end, 0 of them missing", text)
    report.unlink()


def test_a_drill_fails_when_its_alert_does_not_fire_or_another_does(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = Drill("wrong", "Blind.", frozenset({"EventLogErrors"}), faults.exporter_frozen, fires_seconds=0)
    assert drill(home, tmp_path, state_of(home), Screen(), [wrong], 20) == 1
    said = capsys.readouterr().err
    assert "EventLogErrors did not fire" in said
    assert "LagUnknown fired" in said
    (report,) = tmp_path.glob("drill-*.md")
    assert report.read_text().splitlines()[0].endswith("1 of 1 failed")


def test_an_interrupted_drill_heals_its_fault(home: Home, broken_drill: "subprocess.Popen[str]") -> None:
    broken_drill.send_signal(signal.SIGINT)
    broken_drill.communicate(timeout=60)
    assert broken_drill.returncode == 130
    until(lambda: run(home, "status").returncode == 0, within=60)


def test_a_killed_drill_leaves_no_fault_behind(home: Home, broken_drill: "subprocess.Popen[str]") -> None:
    os.kill(broken_drill.pid, signal.SIGKILL)
    broken_drill.communicate(timeout=60)
    until(lambda: run(home, "status").returncode == 0, within=60)


def test_without_a_stack_a_drill_says_how_to_start_one(tmp_path: Path) -> None:
    done = run(Home(tmp_path), "drill", "poison")
    assert done.returncode == 1
    assert "make demo" in done.stderr

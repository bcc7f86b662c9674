import re
import subprocess
import sys
from collections.abc import Iterator
from os import environ
from pathlib import Path

import pytest

from stack.doctor import examine, findings
from stack.home import Home
from stack.ports import Ports
from stack.process import MARK
from stack.programs import Programs
from stack.screen import Screen
from stack.state import State


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def supervisor(home: Home) -> Iterator[int]:
    """A living process that bears the mark of the home's stack."""
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, env={**environ, MARK: str(home.root)}, stdin=subprocess.PIPE) as process:
        yield process.pid


def subjects(home: Home) -> list[str]:
    return [finding.subject for finding in findings(home)]


def test_it_looks_at_the_machine_first(home: Home) -> None:
    assert subjects(home)[:4] == ["Python", "disk", "Kafka's jars", "Prometheus"]


def test_without_a_stack_it_looks_at_the_ports_it_would_take(home: Home) -> None:
    assert subjects(home)[4:] == ["ports", "stack"]


def test_a_stack_whose_supervisor_is_gone_is_named(home: Home) -> None:
    State(Ports(), Programs(home.root, home.root, home.root, None, None), supervisor=2**22 + 1, started=True).save(home)
    broken = [finding for finding in findings(home) if not finding.good]
    assert [finding.subject for finding in broken] == ["supervisor"]
    assert "make down" in broken[0].remedy


def test_a_service_that_does_not_answer_is_the_first_broken_link(
    home: Home, capsys: pytest.CaptureFixture[str], supervisor: int
) -> None:
    programs = Programs(home.root, home.root, home.root, None, None)
    State(Ports.plan(free=True), programs, supervisor=supervisor, started=True).save(home)
    home.logs.mkdir()
    home.log("zookeeper").write_text("out of memory")
    assert examine(home, Screen()) == 1
    assert re.search(r"first broken link is the zookeeper: .*\n.*out of memory", capsys.readouterr().err)


def test_a_machine_that_can_run_the_tests_is_in_order(home: Home) -> None:
    """Apart from the known ports, which another stack of this machine may have."""
    bad = [finding.subject for finding in findings(home) if not finding.good]
    assert set(bad) <= {"ports"}

"""``python -m stack`` as a person uses it: a stack of its own on free ports, in processes of their own."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from stack.home import ROOT, Home
from stack.postgres import place, runner
from stack.state import State, processes
from tests.integration.stack.commands import command, run, running_home
from tests.waiting import until


def pids(home: Home) -> dict[str, int]:
    state = State.load(home)
    assert state
    return {name: row.pid for name, row in state.services.items() if row.pid and not row.one_shot}


def listening(pid: int) -> bool:
    return any(connection.status == psutil.CONN_LISTEN for connection in psutil.Process(pid).net_connections())


def gateway(home: Home) -> str:
    state = State.load(home)
    assert state
    return f"http://127.0.0.1:{state.ports.api[0]}"


def register(home: Home) -> str:
    """Register an event, and return its id."""
    event = {"event_type": "page.viewed", "user_id": "user-1"}
    answer = requests.post(f"{gateway(home)}/register_event", json=event, timeout=30)
    return str(answer.json()["event_id"])


def where(home: Home, event: str) -> str:
    """Where the pipeline says that an event is."""
    return str(requests.get(f"{gateway(home)}/events/{event}", timeout=30).json()["status"])


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with running_home() as home:
        yield home


@pytest.fixture
def another_home(tmp_path: Path) -> Iterator[Home]:
    """A home whose stack may die in any way."""
    yield Home(tmp_path)
    run(Home(tmp_path), "down", "--volumes")


def test_a_second_up_does_nothing(home: Home) -> None:
    before = pids(home)
    done = run(home, "up")
    assert (done.returncode, pids(home)) == (0, before)
    assert "up already" in done.stdout


def test_up_prints_where_everything_is(home: Home) -> None:
    printed = run(home, "up").stdout
    for service in ("api", "prometheus", "board", "kafka", "postgres"):
        assert State.load(home).services[service].address in printed  # type: ignore[union-attr]


def test_status_has_a_line_for_each_service(home: Home) -> None:
    done = run(home, "status")
    assert done.returncode == 0
    for name, pid in pids(home).items():
        assert re.search(rf"^{name} +ready +{pid} ", done.stdout, re.MULTILINE)


def test_the_doctor_finds_a_running_stack_in_order(home: Home) -> None:
    done = run(home, "doctor")
    assert (done.returncode, done.stderr) == (0, "")


def test_status_tells_a_service_that_does_not_answer(home: Home) -> None:
    paused = psutil.Process(pids(home)["api"])
    paused.suspend()
    try:
        done = run(home, "status")
    finally:
        paused.resume()
    assert done.returncode == 1
    assert re.search(r"^api +not ready", done.stdout, re.MULTILINE)


def test_a_service_that_dies_is_started_again(home: Home) -> None:
    before = pids(home)["worker"]
    os.kill(before, signal.SIGKILL)
    until(lambda: pids(home).get("worker", before) != before and run(home, "status").returncode == 0, within=60)


def test_the_database_runs_where_its_account_can_reach_it(home: Home) -> None:
    """The home is closed to the account that runs PostgreSQL for root, and that is no obstacle."""
    cluster = place(home, runner())
    assert cluster.data.is_dir()
    assert (home.data / "postgres").resolve() == cluster.data.resolve()


def test_prometheus_loads_our_rules(home: Home) -> None:
    state = State.load(home)
    assert state
    answer = requests.get(f"http://127.0.0.1:{state.ports.prometheus}/api/v1/rules", timeout=10).json()
    groups = answer["data"]["groups"]
    assert {Path(group["file"]) for group in groups} == set((ROOT / "prometheus" / "rules").glob("*.yml"))


def test_without_a_stack_status_says_how_to_start_one(another_home: Home) -> None:
    done = run(another_home, "status")
    assert done.returncode == 1
    assert "make demo" in done.stderr


def test_without_a_stack_down_has_nothing_to_do(another_home: Home) -> None:
    done = run(another_home, "down")
    assert (done.returncode, done.stdout) == (0, "Nothing was running.\n")


@pytest.mark.parametrize("moment", ["supervisor", "zookeeper", "kafka", "api"])
def test_an_interrupted_start_leaves_nothing_behind(another_home: Home, moment: str) -> None:
    """Ctrl-C reaches the command alone: the services are in sessions of their own."""
    log = another_home.log(moment)
    with subprocess.Popen(
        command(another_home, "up", "--free-ports"), cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as starting:
        until(log.exists, within=60)
        os.killpg(starting.pid, signal.SIGINT)
        _, said = starting.communicate(timeout=120)
    assert starting.returncode == 130
    assert "Interrupted" in said
    assert processes(another_home) == []


def test_a_terminated_start_leaves_nothing_behind(another_home: Home) -> None:
    with subprocess.Popen(command(another_home, "up", "--free-ports"), cwd=ROOT) as starting:
        until(another_home.log("kafka").exists, within=60)
        starting.terminate()
        assert starting.wait(timeout=120) == 143
    assert processes(another_home) == []


def test_down_finds_everything_when_the_supervisor_was_killed(another_home: Home) -> None:
    assert run(another_home, "up", "--free-ports").returncode == 0
    services, state = pids(another_home), State.load(another_home)
    assert state
    assert state.supervisor
    os.kill(state.supervisor, signal.SIGKILL)
    another_home.state.unlink()
    assert run(another_home, "down").returncode == 0
    assert not any(psutil.pid_exists(pid) for pid in services.values())
    assert processes(another_home) == []


def test_a_stack_comes_back_with_what_it_has_stored_unless_its_volumes_are_removed(another_home: Home) -> None:
    assert run(another_home, "up", "--free-ports").returncode == 0
    event = register(another_home)
    until(lambda: where(another_home, event) == "stored", within=60)

    assert run(another_home, "down").returncode == 0
    assert run(another_home, "up", "--free-ports").returncode == 0
    assert where(another_home, event) == "stored"

    assert run(another_home, "down", "--volumes").returncode == 0
    assert run(another_home, "up", "--free-ports").returncode == 0
    assert where(another_home, event) == "unknown"


def test_a_service_that_cannot_start_stops_the_start_and_shows_its_log(another_home: Home) -> None:
    bad = {**os.environ, "API_PUBLISH_DEADLINE_SECONDS": "never"}
    done = subprocess.run(
        command(another_home, "up", "--free-ports"), cwd=ROOT, env=bad, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 1
    assert re.search(r"api ended with exit code \d+(.|\n)*API_PUBLISH_DEADLINE_SECONDS", done.stderr)
    assert processes(another_home) == []


def test_replicas_are_started_and_scraped(another_home: Home) -> None:
    started = run(another_home, "up", "--free-ports", "--api", "2", "--workers", "2")
    assert started.returncode == 0, started.stderr
    assert {"api", "api-2", "worker", "worker-2"} <= pids(another_home).keys()
    assert run(another_home, "status").returncode == 0

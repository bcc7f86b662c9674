"""The command as its users run it: a process of its own, against a small gateway."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.simulator import MODULE, PLAIN, run, start
from tests.unit.traffic.gateway import Gateway, accepted, by_contract, refusal
from tests.waiting import until


@pytest.fixture
def closed_port() -> Iterator[int]:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


FAST = ("--no-verify", "--events", "50", "--rate", "1000")


def test_it_runs_as_a_script_from_any_folder(gateway: Gateway, tmp_path: Path) -> None:
    done = run(*FAST, "--url", gateway.url, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(gateway.calls) == 50
    assert "All accounted for: 50 accepted" in done.stdout


def test_it_runs_as_a_module(gateway: Gateway) -> None:
    done = run(*FAST, "--url", gateway.url, program=MODULE)
    assert done.returncode == 0, done.stderr
    assert len(set(gateway.event_ids)) == 50


def test_the_environment_stands_for_flags(gateway: Gateway) -> None:
    done = run("--no-verify", environment={**PLAIN, "TRAFFIC_EVENTS": "7", "TRAFFIC_URL": gateway.url})
    assert done.returncode == 0, done.stderr
    assert len(gateway.calls) == 7


def test_bad_events_and_re_sends_come_on_top_and_are_expected(gateway: Gateway) -> None:
    done = run(*FAST, "--url", gateway.url, "--invalid", "0.4", "--duplicates", "0.2", "--json")
    facts = json.loads(done.stdout)
    assert (facts["sent"], facts["published"], facts["refused"]) == (80, 60, 20)
    assert (facts["accepted"], facts["duplicates"]) == (50, 10)
    assert (done.returncode, facts["exit_code"]) == (0, 0)


def test_json_stands_alone_on_stdout_and_the_tables_on_stderr(gateway: Gateway) -> None:
    done = run(*FAST, "--url", gateway.url, "--json", "--seed", "7")
    assert json.loads(done.stdout)["seed"] == 7
    assert "seed 7" in done.stderr
    assert "Ledger of run" in done.stderr


def test_batches_and_several_processes_send_every_event_once(gateway: Gateway) -> None:
    done = run(
        "--no-verify",
        "--events",
        "500",
        "--rate",
        "5000",
        "--url",
        gateway.url,
        "--batch",
        "60",
        "--processes",
        "2",
        "--json",
    )
    facts = json.loads(done.stdout)
    assert (done.returncode, facts["accepted"], facts["requests"]) == (0, 500, 10)
    ids = [json.loads(line)["event_id"] for call in gateway.calls for line in call.body.split(b"\n")]
    assert len(set(ids)) == len(ids) == 500
    assert len(facts["cpu_share"]) == 2


def test_a_refused_good_event_fails_the_run_and_is_explained(gateway: Gateway) -> None:
    gateway.behaviour = lambda call: refusal(401) if call.path != "/readyz" else by_contract(call)
    done = run(*FAST, "--url", gateway.url)
    assert done.returncode == 1
    assert "Unexpected, 50 x: a good event was refused with 401: problem 401" in done.stdout
    assert "FAILED: 50 answers were not what the event deserved" in done.stdout


def test_an_accepted_bad_event_fails_the_run(gateway: Gateway) -> None:
    gateway.behaviour = lambda call: by_contract(call) if call.path == "/readyz" else accepted("x")
    done = run(*FAST, "--url", gateway.url, "--invalid", "0.1", "--json")
    assert done.returncode == 1
    assert sum(json.loads(done.stdout)["surprises"].values()) == 55


def test_an_outage_is_survived_and_the_ledger_stays_right(gateway: Gateway) -> None:
    gateway.behaviour = lambda call: None if call.path != "/readyz" and len(gateway.calls) <= 20 else by_contract(call)
    done = run(*FAST, "--url", gateway.url, "--json")
    facts = json.loads(done.stdout)
    assert (done.returncode, facts["accepted"], facts["unknown"]) == (0, 50, 0)
    assert sum(facts["retries"].values()) == 20
    assert len(set(gateway.event_ids)) == 50


def test_without_a_gateway_it_says_where_it_looked_and_what_to_do(closed_port: int) -> None:
    done = run("--no-verify", "--url", f"http://127.0.0.1:{closed_port}")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"No gateway answers at http://127.0.0.1:{closed_port}" in done.stderr
    assert "--url" in done.stderr
    assert "Traceback" not in done.stderr


def test_something_that_is_no_gateway_is_not_sent_anything(gateway: Gateway) -> None:
    gateway.behaviour = lambda _: refusal(404)
    done = run("--no-verify", "--url", gateway.url)
    assert done.returncode == 2
    assert "is no gateway" in done.stderr
    assert gateway.calls == []


def test_without_a_database_nothing_is_sent_and_no_verify_is_named(gateway: Gateway, closed_port: int) -> None:
    done = run("--url", gateway.url, "--database-url", f"postgresql://events:s3cret@127.0.0.1:{closed_port}/events")
    assert (done.returncode, done.stdout, gateway.calls) == (2, "", [])
    assert f"127.0.0.1:{closed_port}" in done.stderr
    assert "--no-verify" in done.stderr
    assert "s3cret" not in done.stderr


def test_the_parser_speaks_for_the_start() -> None:
    assert run("--events", "0").returncode == 2
    assert run("--help").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_prints_the_ledger_so_far_and_leaves_no_process(gateway: Gateway, number: int) -> None:
    with start("--no-verify", "--events", "100000", "--rate", "200", "--url", gateway.url, "--json") as process:
        until(lambda: len(gateway.calls) > 20, within=30)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
    facts = json.loads(stdout)
    assert (process.returncode, facts["exit_code"], facts["interrupted"]) == (130, 130, True)
    assert facts["sent"] == facts["accepted"] == len(gateway.calls)
    assert "Stopped early" in stderr
    assert "Traceback" not in stderr


def senders_of(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    children = psutil.Process(process.pid).children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_a_sender_that_dies_fails_the_run_and_is_named(gateway: Gateway) -> None:
    with start("--no-verify", "--events", "100000", "--rate", "200", "--url", gateway.url) as process:
        until(lambda: len(gateway.calls) > 20, within=30)
        (sender,) = senders_of(process)
        sender.kill()
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "ended with exit code -9" in stdout
    assert "Traceback" not in stderr


def test_senders_end_when_the_command_is_killed(gateway: Gateway) -> None:
    with start("--no-verify", "--events", "100000", "--rate", "200", "--url", gateway.url) as process:
        until(lambda: len(gateway.calls) > 20, within=30)
        senders = senders_of(process)
        process.kill()
        assert senders
        until(lambda: not any(sender.is_running() for sender in senders), within=30)

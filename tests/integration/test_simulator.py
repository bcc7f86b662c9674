"""The simulator against the real stack: its verdict must be the truth."""

import json
import re
import signal
from collections.abc import Iterator
from subprocess import CompletedProcess
from typing import Any

import psycopg
import pytest
import requests

from stack.stack import Stack
from tests.simulator import run, start
from tests.waiting import until


@pytest.fixture
def database(stack: Stack) -> Iterator[psycopg.Connection]:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def worker_at_rest(stack: Stack) -> Iterator[None]:
    stack.stop("worker")
    yield
    stack.start("worker")


def simulate(stack: Stack, *arguments: str, **environment: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of a run."""
    return verdict(run(*arguments, "--json", environment=stack.env | environment))


def verdict(done: "CompletedProcess[str]") -> tuple[int, dict[str, Any]]:
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def rows(database: psycopg.Connection, facts: dict[str, Any]) -> int:
    """How many rows the run has left, counted without knowing any id."""
    source = f"simulator/{facts['scenario']}/{facts['run']}"
    row = database.execute("SELECT count(*) FROM events WHERE source = %s", (source,)).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("scenario", ["shop", "iot", "logs", "mixed"])
def test_exactly_the_requested_events_are_stored(stack: Stack, database: psycopg.Connection, scenario: str) -> None:
    code, facts = simulate(stack, "--events", "400", "--scenario", scenario, TRAFFIC_METRICS_PORT="0")
    assert (code, facts["faults"]) == (0, [])
    assert facts["sent"] == facts["accepted"] == facts["audit"]["stored"] == rows(database, facts) == 400


@pytest.mark.parametrize("batch", ["0", "50"])
def test_every_bad_event_is_refused_as_it_deserves_and_re_sends_are_stored_once(
    stack: Stack, database: psycopg.Connection, batch: str
) -> None:
    arguments = ("--events", "300", "--invalid", "1", "--duplicates", "0.5", "--batch", batch)
    code, facts = simulate(stack, *arguments, TRAFFIC_METRICS_PORT="0")
    assert (code, facts["surprises"]) == (0, {})
    assert (facts["sent"], facts["refused"], facts["accepted"], facts["duplicates"]) == (750, 300, 300, 150)
    assert facts["audit"]["stored"] == rows(database, facts) == 300


def test_prometheus_has_read_the_last_numbers_when_the_run_ends(stack: Stack) -> None:
    code, facts = simulate(stack, "--events", "1000", "--invalid", "0.1", "--processes", "2")
    assert code == 0

    def last(series: str) -> float:
        query = f"last_over_time({series}[1m])"
        answer = requests.get(f"{stack.prometheus_url}/api/v1/query", params={"query": query}, timeout=5).json()
        (found,) = answer["data"]["result"]
        return float(found["value"][1])

    for answer in ("published", "spooled", "refused", "unexpected", "unknown"):
        assert last(f'simulator_requests_total{{answer="{answer}"}}') == facts[answer]
    assert last("simulator_missing_events") == 0
    assert last("simulator_run_end_timestamp_seconds") == pytest.approx(facts["ended_at"])


@pytest.mark.usefixtures("worker_at_rest")
def test_events_that_no_worker_stores_are_missing_and_named(stack: Stack, database: psycopg.Connection) -> None:
    code, facts = simulate(stack, "--events", "50", "--stall-timeout", "1", TRAFFIC_METRICS_PORT="0")
    assert (code, facts["accepted"], facts["audit"]["stored"]) == (1, 50, 0)
    assert len(facts["audit"]["missing"]) == 50
    assert any("50 accepted events are not in the table" in fault for fault in facts["faults"])

    stack.start("worker")
    query = "SELECT count(*) FROM events WHERE event_id = ANY(%s::uuid[])"
    until(lambda: database.execute(query, (facts["audit"]["missing"],)).fetchone() == (50,), within=60)


@pytest.mark.usefixtures("worker_at_rest")
def test_a_stop_during_the_drain_ends_the_wait_with_what_the_table_has(stack: Stack) -> None:
    with start("--events", "50", "--json", environment=stack.env | {"TRAFFIC_METRICS_PORT": "0"}) as process:
        assert process.stderr is not None
        until(lambda: process.stderr.readline().startswith("sending: 50 of 50"), within=60)
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=60)
    facts = json.loads(stdout)
    assert (process.returncode, facts["interrupted"]) == (130, True)
    assert facts["accepted"] == facts["audit"]["stored"] + len(facts["audit"]["missing"]) == 50


def test_a_drain_waits_for_a_worker_that_comes_back(stack: Stack, database: psycopg.Connection) -> None:
    stack.stop("worker")
    try:
        with start("--events", "200", "--json", environment=stack.env | {"TRAFFIC_METRICS_PORT": "0"}) as process:
            assert process.stderr is not None
            until(lambda: process.stderr.readline().startswith("sending: 200 of 200"), within=60)
            stack.start("worker")
            stdout, _ = process.communicate(timeout=120)
    finally:
        stack.start("worker")
    facts = json.loads(stdout)
    assert process.returncode == 0
    assert facts["audit"]["stored"] == rows(database, facts) == 200


def test_a_gateway_that_restarts_under_load_loses_nothing(stack: Stack, database: psycopg.Connection) -> None:
    environment = stack.env | {"TRAFFIC_METRICS_PORT": "0"}
    with start("--events", "2000", "--rate", "200", "--json", environment=environment) as process:
        assert process.stderr is not None
        until(lambda: re.match(r"sending: [\d,]+ of", process.stderr.readline()), within=60)
        stack.kill("api")
        stack.start("api")
        stdout, _ = process.communicate(timeout=120)
    facts = json.loads(stdout)
    assert (process.returncode, facts["faults"]) == (0, [])
    assert sum(facts["retries"].values()) > 0
    assert facts["accepted"] == facts["audit"]["stored"] == rows(database, facts) == 2000


def test_a_row_that_vanishes_is_found(stack: Stack, database: psycopg.Connection) -> None:
    arguments = ("--events", "300", "--seed", "7", "--stall-timeout", "2")  # customer-1 is among them
    database.execute(
        "CREATE OR REPLACE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF NEW.user_id = 'customer-1' THEN RETURN NULL; END IF; RETURN NEW; END $$"
    )
    database.execute("CREATE TRIGGER lose BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION lose()")
    try:
        code, facts = simulate(stack, *arguments, TRAFFIC_METRICS_PORT="0")
    finally:
        database.execute("DROP FUNCTION lose CASCADE")
    assert code == 1
    assert facts["audit"]["stored"] == rows(database, facts) < 300
    assert facts["accepted"] == facts["audit"]["stored"] + len(facts["audit"]["missing"]) == 300

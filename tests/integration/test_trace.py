"""``python -m stack trace``: where an event is and has been, from whoever still knows."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from json import loads
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaProducer

from contract.topics import EVENTS
from stack.home import ROOT, Home
from stack.ports import free_ports
from stack.stack import Stack
from stack.state import State
from tests.integration.gateway import Client, another_gateway, event
from tests.waiting import until

Told = Callable[..., Any]


@pytest.fixture
def state(stack: Stack) -> Iterator[State]:
    """What a supervisor would have written of the stack."""
    state = State(stack.ports, stack.programs, started=True)
    state.save(stack.home)
    yield state
    stack.home.state.unlink()


@pytest.fixture
def trace(stack: Stack, state: State) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    def run(event_id: str, *options: str) -> "subprocess.CompletedProcess[str]":
        words = [sys.executable, "-m", "stack", "trace", event_id, "--home", str(stack.home.root), *options]
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture
def told(trace: Callable[..., "subprocess.CompletedProcess[str]"]) -> Told:
    """The object the command prints, and its exit code."""

    def run(event_id: str, code: int = 0) -> Any:
        done = trace(event_id, "--json")
        assert done.returncode == code, done.stdout + done.stderr
        return loads(done.stdout)

    return run


def names(document: Any) -> list[str]:
    return [station["name"] for station in document["stations"]]


def log_lines(path: Path, event_id: str) -> list[Any]:
    return [loads(line) for line in path.read_text().splitlines() if event_id in line]


def test_a_stored_event_is_told_from_its_sender_to_its_row(gateway: Client, told: Told) -> None:
    sent = event(occurred_at="2026-01-01T12:00:00+02:00")
    answer = gateway.register(sent, **{"X-Request-Id": "trace-1", "Traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    until(lambda: gateway.place(sent["event_id"])["status"] == "stored", within=30)
    document = told(sent["event_id"])
    assert (document["status"], document["request_id"], document["silent"]) == ("stored", "trace-1", {})
    place = ("topic", "partition", "offset")
    assert [document[name] for name in place] == [answer.json()[name] for name in place]
    assert document["headers"] == {
        "schema_version": "1", "request_id": "trace-1", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    }  # fmt: skip
    # The answer may leave before or after the worker has the record.
    assert [name for name in names(document) if name != "answered"] == [
        "occurred", "received", "appended", "logged", "stored",
    ]  # fmt: skip
    assert "answered" in names(document)


def test_people_get_a_table(gateway: Client, trace: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    sent = event()
    gateway.register(sent, **{"X-Request-Id": "trace-2"})
    until(lambda: gateway.place(sent["event_id"])["status"] == "stored", within=30)
    done = trace(sent["event_id"].upper())
    first, *stations = done.stdout.splitlines()
    assert done.returncode == 0
    assert first == f"event {sent['event_id']}, request trace-2: stored"
    assert {line.split()[0] for line in stations} == {"received", "appended", "answered", "logged", "stored"}
    assert all(datetime.fromisoformat(line.split()[1]).tzinfo for line in stations)
    assert all(" s  " in line for line in stations[1:])


def test_an_event_nobody_knows_is_unknown_and_exit_code_1(told: Told) -> None:
    document = told(str(uuid4()), code=1)
    assert (document["status"], document["stations"], document["silent"]) == ("unknown", [], {})


def test_a_hostile_record_does_not_end_the_search(stack: Stack, told: Told) -> None:
    event_id = str(uuid4())
    producer = KafkaProducer(bootstrap_servers=stack.kafka_bootstrap)
    for value in (b"[" * 100_000, b'"' + event_id.encode() + b'"', b"[" * 100_000 + event_id.encode(), b"\xff", None):
        for partition in range(EVENTS.partitions):
            producer.send(EVENTS.name, value, key=b"hostile", partition=partition)
    producer.flush(timeout=10)
    producer.close(timeout=10)
    assert told(event_id, code=1)["silent"] == {}


def test_an_event_in_a_spool_is_found_there_while_kafka_is_away(stack: Stack, state: State, told: Told) -> None:
    (nobody,) = free_ports(1)
    replace(state, ports=replace(stack.ports, kafka=(nobody,))).save(stack.home)
    spool = str(stack.home.data / "spool" / "cut-off.db")
    with another_gateway(
        stack, wait_for_kafka=False, KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{nobody}", SPOOL_PATH=spool
    ) as cut_off:
        sent = event()
        answer = cut_off.register(sent)
        assert answer.status_code == 202
        document = told(sent["event_id"])
    assert document["status"] == "spooled"
    assert document["request_id"] == answer.headers["x-request-id"]
    assert names(document) == ["received", "spooled"]
    assert spool in document["stations"][1]["where"]
    assert document["silent"] == {}  # Kafka need not be asked
    assert told(str(uuid4()), code=1)["silent"].keys() == {"Kafka", "the dead letters"}


def test_an_event_the_worker_has_not_taken_is_found_in_kafka_without_a_gateways_memory(
    stack: Stack, gateway: Client, told: Told
) -> None:
    stack.stop("worker")
    try:
        with another_gateway(stack) as other:  # the gateway that is asked has not seen the event
            place = other.post("/register_event", json={"event_type": "page.viewed", "user_id": "user-7"}).json()
        document = told(place["event_id"])
    finally:
        stack.start("worker")
    assert document["status"] == "published"
    assert names(document) == ["received", "appended"]
    assert (document["partition"], document["offset"]) == (place["partition"], place["offset"])


def test_a_dead_letter_is_told_with_its_reason_and_in_the_workers_log(stack: Stack, told: Told) -> None:
    event_id = str(uuid4())
    value = f'{{"event_id":"{event_id}","event_type":"Not One","user_id":"u","received_at":"2026-01-01T10:00:00Z"}}'
    producer = KafkaProducer(bootstrap_servers=stack.kafka_bootstrap)
    headers = [("schema_version", b"1"), ("request_id", b"trace-3")]
    sent = producer.send(EVENTS.name, value.encode(), key=b"u", headers=headers).get(timeout=10)
    producer.close(timeout=10)
    log = Home(stack.home.root).log("worker")
    (line,) = until(lambda: log_lines(log, event_id), within=30)
    assert (line["request_id"], line["event_id"], line["level"]) == ("trace-3", event_id, "WARNING")
    document = told(event_id)
    assert (document["status"], document["request_id"]) == ("dead letter", "trace-3")
    assert (document["partition"], document["offset"]) == (sent.partition, sent.offset)
    assert names(document) == ["received", "appended", "parked"]
    assert "invalid: event_type" in document["stations"][2]["where"]


def test_without_postgresql_the_others_are_asked_and_it_is_named(
    stack: Stack, state: State, gateway: Client, told: Told
) -> None:
    sent = event()
    gateway.register(sent)
    until(lambda: gateway.place(sent["event_id"])["status"] == "stored", within=30)
    replace(state, ports=replace(stack.ports, postgres=free_ports(1)[0])).save(stack.home)
    document = told(sent["event_id"])
    assert document["silent"].keys() == {"PostgreSQL"}
    assert [name for name in names(document) if name != "answered"] == ["received", "appended", "logged"]


def test_without_a_stack_the_error_says_what_to_do(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "stack", "trace", str(uuid4()), "--home", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "make demo" in done.stderr

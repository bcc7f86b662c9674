"""PostgreSQL is away, or refuses: the worker waits, keeps its partitions, and stores everything afterwards."""

import signal
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import psycopg
import pytest

from tests.faults.conftest import Note
from tests.faults.ledger import PUBLISHED
from tests.faults.rig import Rig
from tests.waiting import until

FAULTS: dict[str, tuple[Callable[[Rig], None], Callable[[Rig], None]]] = {
    "stopped": (lambda rig: rig.stack.stop("postgres"), lambda rig: rig.stack.start("postgres")),
    "killed": (lambda rig: rig.stack.kill("postgres"), lambda rig: rig.stack.start("postgres")),
    "frozen": (lambda rig: rig.stack.pause("postgres"), lambda rig: rig.stack.resume("postgres")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_database_that_is_gone_costs_time_and_nothing_else(rig: Rig, note: Note, fault: str) -> None:
    begin, end = FAULTS[fault]
    rebalances = _rebalances(rig)
    ledger = rig.ledger()
    with ledger.sending(per_second=200):
        until(lambda: ledger.answered(PUBLISHED) > 200, within=30)
        begin(rig)
        before = ledger.answered(PUBLISHED)
        until(lambda: ledger.answered(PUBLISHED) > before + 1000, within=30)
        end(rig)
    note(f"{fault}: {ledger.settle(within=60)}")
    until(lambda: rig.lag() == 0, within=30)
    assert _rebalances(rig) == rebalances, "the worker has lost its membership"
    assert rig.metric("pipeline_consumer_dead_letters_total", "worker") == 0


def test_a_worker_stops_in_order_while_the_database_is_frozen(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with rig.locked("events"), rig.paused("postgres"):
        ledger.send(20)
        assert rig.end("worker", signal.SIGTERM, within=20) == 0
    rig.stack.start("worker")
    note(ledger.settle(within=60))


def test_a_database_without_a_free_connection_is_waited_for(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with ExitStack() as connections:
        first = connections.enter_context(rig.database())
        until(lambda: _takes_every_connection(rig, first, connections), within=15)
        ledger.send(50)
        until(lambda: rig.metric("pipeline_store_up", "worker") == 0, within=15)
        until(lambda: rig.metric("pipeline_consumer_paused", "worker") == 1, within=15)
        assert rig.metric("pipeline_consumer_inflight_records", "worker") > 0
    note(ledger.settle(within=60))
    assert rig.metric("pipeline_consumer_paused", "worker") == 0
    assert rig.metric("pipeline_consumer_inflight_records", "worker") == 0
    assert rig.metric("pipeline_store_up", "worker") == 1
    assert rig.metric("pipeline_consumer_dead_letters_total", "worker") == 0


def test_a_batch_that_loses_a_deadlock_is_stored_again(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with rig.database() as rival, rival.transaction():
        rival.execute("SET LOCAL deadlock_timeout = '1min'")  # so that the worker is the one that gives in
        rival.execute("LOCK TABLE events IN EXCLUSIVE MODE")
        ledger.send(20)
        until(rig.worker_waits_for_a_lock, within=10)
        rival.execute("LOCK TABLE consumer_offsets IN EXCLUSIVE MODE")
        assert rig.metric("pipeline_store_retries_total", "worker", kind="conflict") == 1
    note(ledger.settle(within=60))
    assert rig.metric("pipeline_consumer_dead_letters_total", "worker") == 0


def test_a_serialization_failure_is_tried_again(rig: Rig, note: Note) -> None:
    rig.query("CREATE SEQUENCE attempts")
    ledger = rig.ledger()
    with rig.rows_refused("nextval('attempts') <= 3", "40001"):
        ledger.send(20)
        note(ledger.settle(within=60))
    rig.query("DROP SEQUENCE attempts")
    assert rig.metric("pipeline_store_retries_total", "worker", kind="conflict") >= 3
    assert rig.metric("pipeline_consumer_dead_letters_total", "worker") == 0


def test_of_a_batch_the_one_row_that_is_refused_is_parked_and_the_others_are_stored(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with ExitStack() as refused:
        with rig.locked("events") as connection:
            ledger.send(1)
            until(rig.worker_waits_for_a_lock, within=10)
            bad = ledger.send(200)[123]
            refused.enter_context(rig.rows_refused(f"NEW.event_id = '{bad.event_id}'", "23514", connection))
        until(lambda: ledger.balance().missing == [bad], within=30)
    note(ledger.balance())
    until(lambda: rig.metric("pipeline_consumer_dead_letters_total", "worker", reason="unstorable") == 1, within=10)


def _rebalances(rig: Rig) -> float:
    return rig.metric("pipeline_consumer_rebalances_total", "worker")


def _takes_every_connection(rig: Rig, first: psycopg.Connection[Any], connections: ExitStack) -> bool:
    """Whether the worker has none left, and none is left for it."""
    workers = "FROM pg_stat_activity WHERE application_name IN ('worker', 'census')"
    first.execute(f"SELECT pg_terminate_backend(pid) {workers}".encode())
    with suppress(psycopg.OperationalError):
        while True:
            connections.enter_context(rig.database())
    return not first.execute(f"SELECT 1 {workers}".encode()).fetchall()

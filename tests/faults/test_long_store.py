"""The worker's side, in faults that take their time: long outages, a full disk, a group that keeps changing."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import chown

import pytest

from tests.faults.conftest import Note
from tests.faults.rig import Rig
from tests.waiting import until

pytestmark = pytest.mark.long


def test_half_a_minute_without_the_database_is_caught_up_with(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    rebalances = rig.metric("pipeline_consumer_rebalances_total", "worker")
    dead = rig.metric("pipeline_consumer_dead_letters_total", "worker")
    with ledger.sending(per_second=200):
        until(ledger.publishes(200), within=30)
        rig.stack.stop("postgres")
        until(ledger.publishes(6000), within=60)
        rig.stack.start("postgres")
    note(ledger.settle(within=60))
    until(lambda: rig.lag() == 0, within=30)
    assert rig.metric("pipeline_consumer_rebalances_total", "worker") == rebalances
    assert rig.metric("pipeline_consumer_dead_letters_total", "worker") == dead


@pytest.mark.parametrize("fault", ["hang", "reset", "lose_peers", "refuse", "lose_answers"])
def test_a_network_that_fails_between_worker_and_database_stores_every_event_once(
    rig: Rig, note: Note, fault: str
) -> None:
    rig.stack.restart("worker", environment=rig.postgres_proxied)
    until(rig.worker_has_its_partitions, within=30)
    ledger = rig.ledger()
    with ledger.sending(per_second=200):
        until(ledger.publishes(200), within=30)
        getattr(rig.postgres, fault)()
        until(ledger.publishes(1000), within=30)
        rig.postgres.heal()
        until(ledger.publishes(200), within=30)
    note(f"{fault}: {ledger.settle(within=90)}")
    until(lambda: rig.lag() == 0, within=30)
    assert rig.metric("pipeline_consumer_dead_letters_total", "worker") == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED HERE: a small disk for PostgreSQL needs root, to mount it")
def test_a_database_whose_disk_is_full_is_waited_for(rig: Rig, note: Note, open_folder: Path) -> None:
    ledger = rig.ledger()
    with small_disk(rig, open_folder) as grow:
        with ledger.sending(per_second=200, batch=20):
            until(lambda: rig.metric("pipeline_store_retries_total", "worker", kind="resources") > 0, within=90)
            until(ledger.publishes(500), within=30)
        grow()
        note(ledger.settle(within=90))
    assert rig.metric("pipeline_consumer_dead_letters_total", "worker") == 0


def test_workers_that_come_and_go_store_every_event_once(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with ledger.sending(per_second=300):
        for _ in range(3):
            rig.stack.add_worker()
            rig.stack.add_worker()
            until(lambda: 0 < rig.metric("pipeline_consumer_assigned_partitions", "worker") < 6, within=30)
            until(ledger.publishes(300), within=30)
            rig.stack.remove_worker()
            rig.stack.remove_worker()
            until(rig.worker_has_its_partitions, within=30)
    note(ledger.settle(within=60))
    until(lambda: rig.lag() == 0, within=30)
    assert rig.metric("pipeline_consumer_errors_total", "worker", step="stall") == 0


def test_workers_that_are_killed_and_replaced_store_every_event_once(rig: Rig, note: Note) -> None:
    ledger = rig.ledger()
    with ledger.sending(per_second=300):
        rig.stack.add_worker()
        other = rig.stack.add_worker()
        for name in ("worker", other, "worker", other):
            until(ledger.publishes(300), within=30)
            rig.stack.kill(name)
            rig.stack.start(name)
    note(ledger.settle(within=90))
    until(lambda: rig.lag() == 0, within=60)


@contextmanager
def small_disk(rig: Rig, folder: Path) -> Iterator[Callable[[], None]]:
    """The table lies on a disk with room for little more than it has; the yielded function makes the disk larger."""
    (size,) = rig.query("SELECT pg_table_size('events')")[0]

    def mount(*options: str, room: int) -> None:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", ",".join((*options, f"size={room}")), "tmpfs", folder], check=True
        )

    mount(room=size + 2**20)
    try:
        if owner := rig.stack.services["postgres"].user:
            chown(folder, owner)
        rig.query(f"CREATE TABLESPACE small LOCATION '{folder}'")
        rig.query("ALTER TABLE events SET TABLESPACE small")
        yield lambda: mount("remount", room=2**30)
        rig.query("ALTER TABLE events SET TABLESPACE pg_default")
        rig.query("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)

"""The capacity model: its formulas, and that it rests on what was measured."""

from dataclasses import replace

import pytest

from stack.capacity import Demand, Rates, plan

RATES = Rates(gateway_single=1_000, gateway_batch=10_000, worker=5_000, postgres_rows=20_000, broker_bytes=1_000_000)
DEMAND = Demand(6_000, event_bytes=100, replication=1, busy=0.5)


def test_a_process_is_planned_for_its_share_of_the_rate_it_can_take() -> None:
    capacity = plan(DEMAND, RATES)
    assert (capacity.gateways, capacity.workers, capacity.postgres_servers) == (12, 3, 1)


def test_batches_need_fewer_gateways() -> None:
    assert plan(replace(DEMAND, batches=True), RATES).gateways == 2


def test_each_worker_has_partitions_to_share_with_one_more() -> None:
    assert plan(replace(DEMAND, events_per_second=100), RATES).partitions == 6
    assert plan(replace(DEMAND, events_per_second=25_000), RATES).partitions == 20


def test_brokers_write_every_copy() -> None:
    assert plan(DEMAND, RATES).brokers == 3  # 6,000 records of 200 bytes a second, at half of a megabyte a second each
    assert plan(replace(DEMAND, replication=3), RATES).brokers == 8
    assert plan(replace(DEMAND, events_per_second=1, replication=3), RATES).brokers == 3


def test_disks_grow_with_rate_size_and_time() -> None:
    once, doubled = plan(DEMAND, RATES), plan(replace(DEMAND, events_per_second=12_000), RATES)
    longer = plan(replace(DEMAND, topic_days=14.0, table_days=60.0), RATES)
    assert doubled.topic_disk == longer.topic_disk == pytest.approx(2 * once.topic_disk)
    assert doubled.table_disk == longer.table_disk == pytest.approx(2 * once.table_disk)
    assert once.topic_disk == pytest.approx(6_000 * 200 * 7 * 86_400 * 1.3)


def test_the_spools_hold_an_outage_together() -> None:
    capacity = plan(replace(DEMAND, outage_seconds=60.0), RATES)
    assert capacity.spool_bytes * capacity.gateways == pytest.approx(6_000 * 200 * 60)


def test_the_smallest_demand_still_needs_one_of_each() -> None:
    capacity = plan(Demand(0.1, replication=1), RATES)
    assert (capacity.gateways, capacity.workers, capacity.brokers, capacity.postgres_servers) == (1, 1, 1, 1)

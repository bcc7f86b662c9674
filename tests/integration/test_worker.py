"""Workers as processes: what they commit, how they share, what they show from the start."""

from collections.abc import Iterator

import psycopg
import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec

from contract.topics import EVENTS, WORKER_GROUP
from stack.ports import HOST
from stack.stack import Stack
from tests.integration.gateway import Client, event
from tests.integration.rows import Rows
from tests.integration.series import Series
from tests.waiting import until
from worker.metrics import Parked

PARTITIONS = [TopicPartition(EVENTS.name, number) for number in range(EVENTS.partitions)]


def series(stack: Stack, number: int = 0) -> Series:
    return Series(f"http://{HOST}:{stack.ports.worker_metrics[number]}/metrics")


def committed(admin: KafkaAdminClient) -> dict[int, int]:
    offsets = admin.list_group_offsets({WORKER_GROUP: PARTITIONS})[WORKER_GROUP]
    return {place.partition: offset.offset for place, offset in offsets.items()}


def heads(admin: KafkaAdminClient) -> dict[int, int]:
    offsets = admin.list_partition_offsets(dict.fromkeys(PARTITIONS, OffsetSpec.LATEST))
    return {place.partition: offset.offset for place, offset in offsets.items()}


def stored(database: psycopg.Connection) -> dict[int, int]:
    query = "SELECT kafka_partition, next_offset FROM consumer_offsets WHERE consumer_group = %s"
    return dict(database.execute(query, [WORKER_GROUP]).fetchall())


def test_at_rest_kafkas_commits_and_the_tables_offsets_are_the_heads(
    gateway: Client, rows: Rows, admin: KafkaAdminClient, database: psycopg.Connection
) -> None:
    sent = [event(f"user-{number}") for number in range(100)]
    gateway.post("/register_events", json=sent)
    until(lambda: len(rows.of([one["event_id"] for one in sent])) == 100, within=60)
    until(lambda: committed(admin) == stored(database) == heads(admin), within=30)


def test_a_restarted_worker_goes_on_where_the_table_stands(stack: Stack, gateway: Client, rows: Rows) -> None:
    stack.stop("worker")
    sent = [event(f"user-{number}") for number in range(50)]
    gateway.post("/register_events", json=sent)
    assert rows.of([one["event_id"] for one in sent]) == {}
    stack.start("worker")
    until(lambda: len(rows.of([one["event_id"] for one in sent])) == 50, within=60)
    until(lambda: series(stack).value("pipeline_store_rows_total", result="stored") >= 50, within=10)
    assert series(stack).value("pipeline_store_rows_total", result="duplicate") == 0


@pytest.fixture
def second(stack: Stack) -> Iterator[int]:
    """The number of a second worker, once the two share the partitions."""
    stack.add_worker()
    until(lambda: assigned(stack) == [3, 3], within=60)
    yield 1
    stack.remove_worker()


def assigned(stack: Stack) -> list[float]:
    return [
        series(stack, number).value("pipeline_consumer_assigned_partitions")
        for number in range(len(stack.ports.worker_metrics))
    ]


def test_two_workers_share_the_partitions_and_their_logs_do_not_mix(
    stack: Stack, gateway: Client, rows: Rows, second: int
) -> None:
    sent = [event(f"user-{number}") for number in range(200)]
    results = gateway.post("/register_events", json=sent).json()["results"]
    until(lambda: len(rows.of([one["event_id"] for one in sent])) == 200, within=60)
    lines = [stack.home.log(name).read_text().splitlines() for name in ("consumer", "consumer-2")]
    ids = {result["event_id"] for result in results}
    per_log = [{e for e in ids if any(e in line for line in log)} for log in lines]
    assert per_log[0] | per_log[1] == ids
    assert per_log[0] & per_log[1] == set()
    assert all(per_log)


def test_the_last_worker_takes_everything_over(stack: Stack, gateway: Client, rows: Rows) -> None:
    until(lambda: assigned(stack) == [6], within=60)
    sent = [event(f"user-{number}") for number in range(60)]
    gateway.post("/register_events", json=sent)
    until(lambda: len(rows.of([one["event_id"] for one in sent])) == 60, within=60)


def test_a_batch_that_begins_elsewhere_than_the_table_stands_is_counted_with_its_records(
    stack: Stack, gateway: Client, rows: Rows, database: psycopg.Connection
) -> None:
    place = gateway.register(event("fenced")).json()
    until(lambda: stored(database)[place["partition"]] == place["offset"] + 1, within=30)
    before = series(stack)
    back = "UPDATE consumer_offsets SET next_offset = %s WHERE consumer_group = %s AND kafka_partition = %s"
    database.execute(back, [place["offset"], WORKER_GROUP, place["partition"]])
    sent = event("fenced")
    gateway.register(sent)
    until(lambda: rows.one(sent["event_id"]), within=30)
    for name in ("pipeline_store_fenced_total", "pipeline_store_fenced_records_total"):
        assert series(stack).value(name) - before.value(name) == 1
    # The batch was read again, together with the event before it.
    until(
        lambda: (
            series(stack).sum("pipeline_consumer_records_total") - before.sum("pipeline_consumer_records_total") == 3
        ),
        within=10,
    )


def test_a_worker_that_has_only_asked_where_to_go_on_knows_that_postgresql_is_there(stack: Stack) -> None:
    stack.restart("worker")
    until(lambda: series(stack).value("pipeline_consumer_assigned_partitions") == EVENTS.partitions, within=60)
    until(lambda: series(stack).value("pipeline_store_up") == 1, within=30)
    assert series(stack).sum("pipeline_store_rows_total") == 0


def test_every_labelled_series_of_the_worker_is_there_from_the_start(stack: Stack) -> None:
    found = series(stack)
    for name, label, values in (
        ("pipeline_consumer_records_total", "partition", map(str, range(EVENTS.partitions))),
        ("pipeline_consumer_lag_records", "partition", map(str, range(EVENTS.partitions))),
        ("pipeline_consumer_dead_letters_total", "reason", Parked),
        ("pipeline_store_rows_total", "result", ("stored", "duplicate")),
    ):
        assert {child[label] for child in found.children(name)} == set(values)

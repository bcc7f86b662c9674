"""The spool as the event loop sees it: records go to disk and leave it, and nothing waits."""

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from api.errors import SpoolFull
from api.metrics import ApiMetrics
from api.spool import Spool, SpoolBroken, SpoolFile
from tests.unit.api.pretended import eventually, sample
from tests.unit.api.spool_records import damage, everything, record, spooled

pytestmark = pytest.mark.anyio


async def test_a_second_gateway_with_the_same_path_takes_a_place_of_its_own(
    tmp_path: Path, metrics: ApiMetrics
) -> None:
    first = Spool(tmp_path / "spool.db", 10**6, metrics)
    second = Spool(tmp_path / "spool.db", 10**6, ApiMetrics(CollectorRegistry()))
    await first.start()
    await second.start()
    second.put(7, record(), lambda _: None)
    assert await first.read(10**9, 10, 10**9) == await first.read_orphan(10) == []
    assert {"spool.db", "spool-2.db"} <= set(os.listdir(tmp_path))
    await second.stop()
    assert [found.seq for found in await first.read_orphan(10)] == [7]
    await first.stop()


@pytest.fixture
def metrics() -> ApiMetrics:
    return ApiMetrics(CollectorRegistry())


async def test_a_record_is_on_disk_when_its_callback_comes(tmp_path: Path, metrics: ApiMetrics) -> None:
    spool = Spool(tmp_path / "spool.db", 10_000, metrics)
    await spool.start()
    on_disk: list[int] = []

    def stored(broken: SpoolBroken | None) -> None:
        assert broken is None
        with sqlite3.connect(f"file:{tmp_path / 'spool.db'}?mode=ro", uri=True) as reader:
            on_disk.append(reader.execute("SELECT count(*) FROM records").fetchone()[0])
        reader.close()

    for seq in range(3):
        spool.put(seq, record(f"event-{seq}"), stored)
    assert on_disk == []
    await eventually(lambda: len(on_disk) == 3)
    assert on_disk == [3, 3, 3]  # one commit for all that came meanwhile
    await spool.stop()


async def test_the_limit_is_kept_to_the_byte_and_freed_by_removal(tmp_path: Path, metrics: ApiMetrics) -> None:
    spool = Spool(tmp_path / "spool.db", 2 * record().size, metrics)
    await spool.start()
    results: list[SpoolBroken | None] = []
    spool.put(1, record(), results.append)
    assert spool.has_room
    spool.put(2, record(), results.append)
    assert not spool.has_room
    with pytest.raises(SpoolFull):
        spool.put(3, record(), results.append)
    await eventually(lambda: len(results) == 2)
    spool.remove(await spool.read(10**9, 1, 10**9))
    spool.put(3, record(), results.append)
    await eventually(lambda: len(results) == 3)
    await spool.stop()
    file = SpoolFile(tmp_path / "spool.db")
    assert everything(file) == [2, 3]
    file.close()


async def test_a_removed_record_is_never_read_again(tmp_path: Path, metrics: ApiMetrics) -> None:
    spool = Spool(tmp_path / "spool.db", 10_000, metrics)
    await spool.start()
    results: list[SpoolBroken | None] = []
    for seq in range(5):
        spool.put(seq, record(f"event-{seq}"), results.append)
    await eventually(lambda: len(results) == 5)
    spool.remove(await spool.read(10**9, 2, 10**9))
    assert [found.seq for found in await spool.read(10**9, 10, 10**9)] == [2, 3, 4]
    await spool.stop()


async def test_keys_are_held_until_their_last_record_leaves(tmp_path: Path, metrics: ApiMetrics) -> None:
    spool = Spool(tmp_path / "spool.db", 10_000, metrics)
    await spool.start()
    results: list[SpoolBroken | None] = []
    for seq, key in enumerate((b"a", b"b", b"a")):
        spool.put(seq, record(key=key), results.append)
    assert spool.holds(b"a")
    await eventually(lambda: len(results) == 3)
    spool.remove(await spool.read(2, 10, 10**9))
    assert (spool.holds(b"a"), spool.holds(b"b")) == (True, False)
    spool.remove(await spool.read(10, 10, 10**9))
    assert not spool.holds(b"a")
    assert sample(metrics.registry, "pipeline_spool_records") == 0
    assert sample(metrics.registry, "pipeline_spool_oldest_timestamp_seconds") == 0
    await spool.stop()


async def test_what_a_killed_process_left_is_counted_at_the_next_start(tmp_path: Path, metrics: ApiMetrics) -> None:
    file = SpoolFile(tmp_path / "spool.db")
    file.write([spooled(4, 40.0), spooled(8, 80.0)], [])
    file.close()
    spool = Spool(tmp_path / "spool.db", 10_000, metrics)
    assert await spool.start() == 8
    assert len(spool) == 2
    assert spool.holds(b"key")
    assert sample(metrics.registry, "pipeline_spool_bytes") == sum(spooled(seq).record.size for seq in (4, 8))
    assert sample(metrics.registry, "pipeline_spool_oldest_timestamp_seconds") == 40.0
    await spool.stop()


async def test_a_disk_that_refuses_is_told_and_used_again_when_it_works(tmp_path: Path, metrics: ApiMetrics) -> None:
    spool = Spool(tmp_path / "spool.db", 10_000, metrics)
    await spool.start()
    results: list[SpoolBroken | None] = []
    _rename_table(tmp_path / "spool.db", "records", "elsewhere")
    spool.put(1, record(), results.append)
    await eventually(lambda: results)
    assert isinstance(results[0], SpoolBroken)
    assert len(spool) == 0
    _rename_table(tmp_path / "spool.db", "elsewhere", "records")
    spool.put(2, record(), results.append)
    await eventually(lambda: len(results) == 2)
    assert results[1] is None
    assert sample(metrics.registry, "pipeline_spool_errors_total") == 1
    await spool.stop()


def _rename_table(path: Path, old: str, new: str) -> None:
    with sqlite3.connect(path) as database:
        database.execute(f"ALTER TABLE {old} RENAME TO {new}")
    database.close()


async def test_a_file_that_is_damaged_meanwhile_is_set_aside_and_the_next_record_is_kept(
    tmp_path: Path, metrics: ApiMetrics
) -> None:
    spool = Spool(tmp_path / "spool.db", 10**9, metrics)
    await spool.start()
    kept: list[SpoolBroken | None] = []
    for seq in range(3000):
        spool.put(seq + 1, record(value=b"x" * 2000), kept.append)
    await eventually(lambda: kept == [None] * 3000)
    with sqlite3.connect(tmp_path / "spool.db") as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    await asyncio.to_thread(damage, tmp_path / "spool.db")
    with pytest.raises(sqlite3.DatabaseError):
        await spool.read(10**9, 3000, 10**9)
    await eventually(lambda: len(spool) == 0)
    spool.put(5000, record(), kept.append)
    await eventually(lambda: len(kept) == 3001)
    assert kept[-1] is None
    assert [found.seq for found in await spool.read(10**9, 10, 10**9)] == [5000]
    assert any(".damaged-" in name for name in os.listdir(tmp_path))
    await spool.stop()


async def test_a_spool_left_beside_ours_is_read_once_and_one_in_use_is_left_alone(
    tmp_path: Path, metrics: ApiMetrics
) -> None:
    left, in_use = SpoolFile(tmp_path / "spool-2.db"), SpoolFile(tmp_path / "spool-3.db")
    for file in (left, in_use):
        file.write([spooled(1), spooled(2)], [])
    left.close()
    spool = Spool(tmp_path / "spool.db", 10**6, metrics)
    await spool.start()
    orphaned = await spool.read_orphan(10)
    assert [found.record.event_id for found in orphaned] == ["event-1", "event-2"]
    await spool.remove_orphaned(orphaned)
    assert await spool.read_orphan(10) == []
    await spool.stop()
    in_use.close()

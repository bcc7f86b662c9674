"""The disk buffer: what is on disk stays, whatever happens to the process or to the file."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from api.errors import SpoolFull
from api.metrics import ApiMetrics
from api.record import Record
from api.spool import Spool, SpoolBroken, SpooledRecord, SpoolFile
from api.spool.file import SpoolBusy
from tests.unit.api.pretended import eventually, sample

ROOT = Path(__file__).parents[3]


def record(name: str = "event", key: bytes = b"key", value: bytes = b"{}") -> Record:
    return Record(name, key, value, [("schema_version", b"1"), ("request_id", b"r")])


def spooled(seq: int, spooled_at: float = 1.0) -> SpooledRecord:
    return SpooledRecord(seq, record(f"event-{seq}"), spooled_at)


def everything(file: SpoolFile) -> list[int]:
    return [found.seq for found in file.read(10**9, 10**9)]


def test_records_come_back_as_they_went_in(tmp_path: Path) -> None:
    file = SpoolFile(tmp_path / "new" / "folders" / "spool.db")
    written = SpooledRecord(5, record(key="schlüssel 🙂".encode(), value=bytes(range(256))), 1234.5)
    file.write([written], [])
    assert file.read(6, 10) == [written]
    file.close()


def test_the_oldest_come_first_and_only_those_before_a_bound(tmp_path: Path) -> None:
    file = SpoolFile(tmp_path / "spool.db")
    file.write([spooled(seq) for seq in (7, 3, 9, 1)], [])
    assert everything(file) == [1, 3, 7, 9]
    assert [found.seq for found in file.read(9, 2)] == [1, 3]
    assert [found.seq for found in file.read(9, 10)] == [1, 3, 7]
    file.close()


def test_arriving_and_leaving_are_one_transaction(tmp_path: Path) -> None:
    file = SpoolFile(tmp_path / "spool.db")
    file.write([spooled(1), spooled(2)], [])
    file.write([spooled(3)], [1])
    assert everything(file) == [2, 3]
    with pytest.raises(sqlite3.IntegrityError):
        file.write([spooled(4), spooled(3)], [2])
    assert everything(file) == [2, 3]
    file.close()


def test_totals_are_what_the_limit_counts(tmp_path: Path) -> None:
    file = SpoolFile(tmp_path / "spool.db")
    assert file.totals() == (0, 0, 0)
    records = [SpooledRecord(seq, record(key=b"k" * seq, value=b"v" * 10 * seq), 100.0 - seq) for seq in (1, 2, 3)]
    file.write(records, [])
    assert file.totals() == (sum(found.record.size for found in records), 97.0, 3)
    assert set(file.keys()) == {b"k", b"kk", b"kkk"}
    file.close()


def test_a_second_process_is_turned_away(tmp_path: Path) -> None:
    file = SpoolFile(tmp_path / "spool.db")
    with pytest.raises(SpoolBusy, match=r"spool\.db"):
        SpoolFile(tmp_path / "spool.db")
    file.close()
    SpoolFile(tmp_path / "spool.db").close()


@pytest.mark.anyio
async def test_a_second_gateway_with_the_same_path_takes_a_place_of_its_own(
    tmp_path: Path, metrics: ApiMetrics
) -> None:
    first = Spool(tmp_path / "spool.db", 10**6, metrics)
    second = Spool(tmp_path / "spool.db", 10**6, ApiMetrics(CollectorRegistry()))
    await first.start()
    await second.start()
    second.put(7, record(), lambda _: None)
    assert await first.read(10**9, 10) == await first.read_orphan(10) == []
    assert {"spool.db", "spool-2.db"} <= set(os.listdir(tmp_path))
    await second.stop()
    assert [found.seq for found in await first.read_orphan(10)] == [7]
    await first.stop()


@pytest.mark.parametrize("garbage", [b"garbage " * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_corrupt_file_is_set_aside_and_a_new_one_begun(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "spool.db"
    path.write_bytes(garbage)
    file = SpoolFile(path)
    assert everything(file) == []
    file.write([spooled(1)], [])
    file.close()
    (aside,) = tmp_path.glob("spool.db.damaged-*")
    assert aside.read_bytes() == garbage


def test_a_file_with_damaged_pages_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    file = SpoolFile(path)
    file.write([spooled(seq) for seq in range(2000)], [])
    file.close()
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 6] = b"\xa5" * (4096 * 3)
    path.write_bytes(content)
    file = SpoolFile(path)
    assert everything(file) == []
    file.close()
    assert len(list(tmp_path.glob("spool.db.damaged-*"))) == 1


def test_another_programs_database_is_set_aside_untouched(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    with sqlite3.connect(path) as foreign:
        foreign.execute("CREATE TABLE records (theirs TEXT)")
    foreign.close()
    content = path.read_bytes()
    SpoolFile(path).close()
    (aside,) = tmp_path.glob("spool.db.damaged-*")
    assert aside.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    tmp_path.joinpath("file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        SpoolFile(tmp_path / "file" / "spool.db")


def test_a_path_that_is_a_folder_is_not_set_aside(tmp_path: Path) -> None:
    tmp_path.joinpath("spool.db").mkdir()
    with pytest.raises(sqlite3.OperationalError):
        SpoolFile(tmp_path / "spool.db")
    assert tmp_path.joinpath("spool.db").is_dir()


def test_a_killed_process_leaves_what_it_had_written(tmp_path: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from api.record import Record
from api.spool import SpooledRecord, SpoolFile
file = SpoolFile(Path({str(tmp_path / "spool.db")!r}))
file.write([SpooledRecord(n, Record(f"event-{{n}}", b"key", b"{{}}", []), 1.0) for n in range(100)], [])
file.write([], range(10))
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-B", "-c", program], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    file = SpoolFile(tmp_path / "spool.db")
    assert everything(file) == list(range(10, 100))
    file.close()


@pytest.fixture
def metrics() -> ApiMetrics:
    return ApiMetrics(CollectorRegistry())


@pytest.mark.anyio
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


@pytest.mark.anyio
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
    spool.remove(await spool.read(10**9, 1))
    spool.put(3, record(), results.append)
    await eventually(lambda: len(results) == 3)
    await spool.stop()
    file = SpoolFile(tmp_path / "spool.db")
    assert everything(file) == [2, 3]
    file.close()


@pytest.mark.anyio
async def test_a_removed_record_is_never_read_again(tmp_path: Path, metrics: ApiMetrics) -> None:
    spool = Spool(tmp_path / "spool.db", 10_000, metrics)
    await spool.start()
    results: list[SpoolBroken | None] = []
    for seq in range(5):
        spool.put(seq, record(f"event-{seq}"), results.append)
    await eventually(lambda: len(results) == 5)
    spool.remove(await spool.read(10**9, 2))
    assert [found.seq for found in await spool.read(10**9, 10)] == [2, 3, 4]
    await spool.stop()


@pytest.mark.anyio
async def test_keys_are_held_until_their_last_record_leaves(tmp_path: Path, metrics: ApiMetrics) -> None:
    spool = Spool(tmp_path / "spool.db", 10_000, metrics)
    await spool.start()
    results: list[SpoolBroken | None] = []
    for seq, key in enumerate((b"a", b"b", b"a")):
        spool.put(seq, record(key=key), results.append)
    assert spool.holds(b"a")
    await eventually(lambda: len(results) == 3)
    spool.remove(await spool.read(2, 10))
    assert (spool.holds(b"a"), spool.holds(b"b")) == (True, False)
    spool.remove(await spool.read(10, 10))
    assert not spool.holds(b"a")
    assert sample(metrics.registry, "pipeline_spool_records") == 0
    assert sample(metrics.registry, "pipeline_spool_oldest_timestamp_seconds") == 0
    await spool.stop()


@pytest.mark.anyio
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


@pytest.mark.anyio
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


def test_the_lock_goes_with_its_process(tmp_path: Path) -> None:
    child = os.fork()
    if not child:
        SpoolFile(tmp_path / "spool.db")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    SpoolFile(tmp_path / "spool.db").close()


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 4)
        file.write(b"\xa5" * 4096 * 1000)


@pytest.mark.anyio
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
        await spool.read(10**9, 3000)
    await eventually(lambda: len(spool) == 0)
    spool.put(5000, record(), kept.append)
    await eventually(lambda: len(kept) == 3001)
    assert kept[-1] is None
    assert [found.seq for found in await spool.read(10**9, 10)] == [5000]
    assert any(".damaged-" in name for name in os.listdir(tmp_path))
    await spool.stop()


@pytest.mark.anyio
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

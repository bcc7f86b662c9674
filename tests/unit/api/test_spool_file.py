"""The spool's file: what is on disk stays, whatever happens to the process or to the file."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from api.spool import SpooledRecord, SpoolFile
from api.spool.file import SpoolBusy
from tests.unit.api.spool_records import everything, record, spooled

ROOT = Path(__file__).parents[3]


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


def test_the_lock_goes_with_its_process(tmp_path: Path) -> None:
    child = os.fork()
    if not child:
        SpoolFile(tmp_path / "spool.db")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    SpoolFile(tmp_path / "spool.db").close()

"""Reads what can still be read of a damaged spool."""

import sqlite3
from collections.abc import Generator, Iterator
from pathlib import Path

from api.spool.file import SpooledRecord, SpoolFile, records


def rescue(damaged: Path) -> tuple[Path, int]:
    """Copy what can be read into a new spool beside the damaged one, which stays; returns it and its records' number.

    Raises sqlite3.Error when nothing can be read.
    """
    rescued = damaged.with_name(f"{damaged.name}.rescued.db")
    file = SpoolFile(rescued)
    try:
        already = {spooled.seq for spooled in file.read(2**62, 2**62)}
        readable = {spooled.seq: spooled for spooled in _readable(damaged)}
        file.write((readable[seq] for seq in sorted(readable.keys() - already)), ())
    finally:
        file.close()
    return rescued, len(readable.keys() | already)


def _readable(path: Path) -> Iterator[SpooledRecord]:
    """From both ends up to where the damage begins, and then one by one what lies between."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        database.execute("SELECT 1 FROM sqlite_master").fetchone()  # raises when it is no database at all
        last = yield from _until_damage(database, "SELECT * FROM records ORDER BY seq")
        first = yield from _until_damage(database, "SELECT * FROM records ORDER BY seq DESC")
        for seq in range(last + 1, first) if last and first else ():
            yield from _one(database, seq)
    finally:
        database.close()


def _until_damage(database: sqlite3.Connection, query: str) -> Generator[SpooledRecord, None, int]:
    seq = 0
    try:
        for spooled in records(database.execute(query)):
            seq = spooled.seq
            yield spooled
    except (sqlite3.Error, ValueError):
        return seq
    return seq


def _one(database: sqlite3.Connection, seq: int) -> Iterator[SpooledRecord]:
    try:
        yield from records(database.execute("SELECT * FROM records WHERE seq = ?", (seq,)))
    except (sqlite3.Error, ValueError):
        return

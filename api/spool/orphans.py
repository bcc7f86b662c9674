"""Spools of gateways that are gone: found beside our own, emptied, and left for their next owner."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from loguru import logger

from api.spool.file import SpoolBusy, SpooledRecord, SpoolFile, is_ours


class Orphans:
    """Looks at ``path``, ``path-2``, ``path-3`` … Blocking; for one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: SpoolFile | None = None
        self._unusable: set[Path] = set()

    def read(self, limit: int) -> list[SpooledRecord]:
        """The oldest records of one orphan; none when there is no orphan with records."""
        self._open = self._open or self._adopt()
        if self._open is None:
            return []
        try:
            records = self._open.read(2**62, limit)
        except (sqlite3.Error, ValueError) as error:
            self._leave(self._open.path, error)
            records = []
        if not records:
            self.close()
        return records

    def remove(self, records: Iterable[SpooledRecord]) -> None:
        """Drop records that were read, and are safe elsewhere."""
        if self._open is not None:
            self._open.write((), [spooled.seq for spooled in records])

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _adopt(self) -> SpoolFile | None:
        usable = (path for path in siblings(self._path) if path not in self._unusable)
        return next((orphan for path in usable if (orphan := self._try(path))), None)

    def _try(self, path: Path) -> SpoolFile | None:
        """The file, if nobody has it and it holds something."""
        try:
            if not is_ours(path):
                return None
            file = SpoolFile(path)
            if file.totals()[2]:
                logger.warning("the spool {} was left behind: its records are taken over", path)
                return file
            file.close()
        except SpoolBusy:
            pass
        except (sqlite3.Error, OSError) as error:
            self._leave(path, error)
        return None

    def _leave(self, path: Path, error: Exception) -> None:
        logger.error("the spool {} was left behind and cannot be read: {}", path, error)
        self._unusable.add(path)


def siblings(path: Path) -> list[Path]:
    """The spools that gateways with this setting may have made, in order."""
    numbered = [other for other in path.parent.glob(f"{path.stem}-*{path.suffix}") if _number(path, other).isdigit()]
    first = [path] if path.exists() else []
    return first + sorted(numbered, key=lambda other: int(_number(path, other)))


def _number(path: Path, other: Path) -> str:
    return other.stem.removeprefix(f"{path.stem}-")

"""Rotated logs are packed on a thread of their own: zlib gives up the interpreter's lock, and 50 MB take a second."""

import gzip
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from shutil import copyfileobj, copystat
from threading import Thread
from typing import Final

from loguru import logger

_LEVEL: Final = 1  # a third of the time of the usual one, for a quarter more bytes


def pack_aside(path: str) -> None:
    """Begin to make ``path.gz`` of a file nobody writes any more; returns at once.

    A process that ends in order waits for it. What cannot be packed stays as it is.
    """
    Thread(target=pack, args=(Path(path),), name="pack-log").start()


def retain(most: int, paths: Sequence[str]) -> None:
    """Delete all but the youngest files; unlike loguru's own retention, at ease with files being packed meanwhile."""
    ages = {path: _age(path) for path in {path.removesuffix(".gz") for path in paths}}
    for path in sorted(ages, key=lambda path: (ages[path], path), reverse=True)[most:]:
        Path(path).unlink(missing_ok=True)
        Path(f"{path}.gz").unlink(missing_ok=True)


def _age(path: str) -> float:
    """Of the file, plain or packed by now."""
    for name in (path, f"{path}.gz"):
        with suppress(FileNotFoundError):
            return Path(name).stat().st_mtime
    return 0.0


def pack(path: Path) -> None:
    """Under its name the packed file is whole or not there."""
    part = path.with_name(f".{path.name}.part")
    try:
        with path.open("rb") as plain, gzip.open(part, "wb", _LEVEL) as packed:
            copyfileobj(plain, packed)
        copystat(path, part)  # retention goes by age
        part.replace(f"{path}.gz")
        path.unlink()
    except FileNotFoundError:
        for made in (part, Path(f"{path}.gz")):  # retention was faster
            made.unlink(missing_ok=True)
    except OSError as error:
        part.unlink(missing_ok=True)
        logger.warning("{} stays unpacked: {}", path, error)

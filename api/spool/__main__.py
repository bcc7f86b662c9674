"""The spools of gateways: what they hold, and how it gets to Kafka when its gateway never comes back.

  python -m api.spool list             each spool in the folder of SPOOL_PATH
  python -m api.spool show FILE        the records of one
  python -m api.spool find EVENT_ID    where an event is among them, as JSON
  python -m api.spool drain FILE       send them to Kafka, and forget each when Kafka has it

A gateway drains its own spool, and those that others left beside it. A file that was set aside as damaged is drained
as far as it can be read, and kept. A record sent twice is stored once.
"""

import asyncio
import sqlite3
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from uuid import UUID

from kafka.errors import KafkaError
from prometheus_client import CollectorRegistry
from pydantic_core import from_json, to_json

from api.intake import Intake
from api.metrics import ApiMetrics
from api.publisher import Flight
from api.publisher.kafka_python import KafkaPythonPublisher
from api.settings import SpoolSettings
from api.spool.file import SpoolBusy, SpoolFile, records
from api.spool.queue import Spool
from api.spool.rescue import rescue
from contract.kafka import KafkaSettings
from contract.logs import log_to_stderr

_PROGRESS_SECONDS = 2.0
_SHOWN_BYTES = 300


def main() -> int:
    """Exit status: 0 done, 1 something is left or cannot be read, 2 wrong usage."""
    options = _parser().parse_args()
    log_to_stderr("spool", "WARNING")
    try:
        match options.verb:
            case "list":
                return _say(*_list(options.folder))
            case "show":
                return _say(*_show(options.file, options.limit))
            case "find":
                return _find(options.folder, str(options.event_id))
            case _:
                return _drain(options)
    except (SpoolBusy, OSError, sqlite3.Error, KafkaError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.db*")) if not path.name.endswith(("-wal", "-shm", ".lock"))]


def _list(folder: Path) -> Iterator[str]:
    files = _files(folder)
    for path in files:
        try:
            yield f"{path}: {_summary(path)}"
        except sqlite3.Error as error:
            yield f"{path}: cannot be read: {error}"
    if not files:
        yield f"There is no spool in {folder}."


def _summary(path: Path) -> str:
    with _reading(path) as database:
        count, size, oldest, refused = database.execute(
            "SELECT count(*), coalesce(sum(length(key) + length(value) + 128), 0), min(spooled_at),"
            " (SELECT count(*) FROM refused) FROM records"
        ).fetchone()
    since = f", the oldest of {_time(oldest)}" if count else ""
    return f"{count} records, {size} bytes{since}" + (f"; Kafka refuses {refused} of them" if refused else "")


def _show(path: Path, limit: int) -> Iterator[str]:
    with _reading(path) as database:
        reasons = dict(database.execute("SELECT seq, reason FROM refused"))
        for spooled in records(database.execute("SELECT * FROM records ORDER BY seq LIMIT ?", (limit,))):
            record, why = spooled.record, reasons.get(spooled.seq)
            yield f"{record.event_id} of {_time(spooled.spooled_at)}" + (f", refused: {why}" if why else "")
            yield f"  {record.value[:_SHOWN_BYTES].decode(errors='replace')}"


def _find(folder: Path, event_id: str) -> int:
    """Exit status 1 when no file has it; what cannot be read is told on standard error."""
    found = False
    for path in _files(folder):
        try:
            for document in _places(path, event_id):
                found = True
                _say(to_json(document).decode())
        except sqlite3.Error as error:
            sys.stderr.write(f"{path}: cannot be read: {error}\n")
    return 0 if found else 1


def _places(path: Path, event_id: str) -> Iterator[dict[str, object]]:
    with _reading(path) as database:
        reasons = dict(database.execute("SELECT seq, reason FROM refused"))
        for spooled in records(database.execute("SELECT * FROM records WHERE event_id = ?", (event_id,))):
            yield {
                "file": path,
                "spooled_at": datetime.fromtimestamp(spooled.spooled_at, UTC),
                "refused": reasons.get(spooled.seq),
                "request_id": spooled.request_id,
                "event": from_json(spooled.record.value),
            }


def _drain(options: Namespace) -> int:
    path = options.file
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if ".damaged-" in path.name and not path.name.endswith(".rescued.db"):
        path, count = rescue(path)
        _say(f"{count} records could be read, and are in {path} now")
    SpoolFile(path).close()  # or tell that a gateway has it
    return asyncio.run(_send(path, options.wait))


async def _send(path: Path, wait: float) -> int:
    """Until all is sent, or nothing was for so many seconds."""
    metrics = ApiMetrics(CollectorRegistry())
    spool = Spool(path, sys.maxsize, metrics)
    publisher = KafkaPythonPublisher(KafkaSettings(), Flight(20_000, 2**26, metrics))
    intake = Intake(publisher, spool, 5, metrics)
    await intake.start()
    left, moved_at, told_at = len(spool), monotonic(), monotonic()
    while len(spool) and monotonic() < moved_at + wait:
        await asyncio.sleep(0.05)
        if len(spool) < left:
            left, moved_at = len(spool), monotonic()
        if monotonic() > told_at + _PROGRESS_SECONDS:
            told_at = monotonic()
            _say(f"{left} records are left")
    await intake.stop(1)
    return _verdict(path)


def _verdict(path: Path) -> int:
    with _reading(path) as database:
        (left,) = database.execute("SELECT count(*) FROM records").fetchone()
    _say(f"{left} records are left in {path}" if left else f"{path} is empty: Kafka has all of its records")
    return 1 if left else 0


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A spool opened for reading, whoever else has it."""
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        yield database


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _say(*lines: str) -> int:
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "python -m api.spool", description=__doc__, formatter_class=RawDescriptionHelpFormatter,
        epilog="Kafka is found through KAFKA_BOOTSTRAP_SERVERS.",
    )  # fmt: skip
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    every = verbs.add_parser("list", help="each spool in a folder, with what it holds")
    find = verbs.add_parser("find", help="where an event is among the spools of a folder, as JSON")
    find.add_argument("event_id", type=UUID)
    for parser_with_folder in (every, find):
        parser_with_folder.add_argument(
            "folder", type=Path, nargs="?", default=SpoolSettings().path.parent, help="(default: %(default)s)"
        )
    show = verbs.add_parser("show", help="the records of a spool, the oldest first")
    show.add_argument("file", type=Path)
    show.add_argument("--limit", type=int, default=10, help="at most so many (default: %(default)s)")
    drain = verbs.add_parser("drain", help="send a spool's records to Kafka")
    drain.add_argument("file", type=Path)
    drain.add_argument(
        "--wait", type=float, default=60, metavar="SECONDS", help="give up when Kafka takes none (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

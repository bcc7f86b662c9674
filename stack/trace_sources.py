"""Who is asked about an event, in this order: each knows what the ones before it may have forgotten."""

import gzip
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from json import loads
from pathlib import Path
from typing import Any, Final

import psycopg
import requests

from stack import pipeline
from stack.errors import StackError
from stack.home import ROOT, Home
from stack.ports import HOST, Ports
from stack.trace import Place, Trace
from stack.trace_kafka import look_up

_ANSWER_SECONDS: Final = 10
_SQL: Final = Path(__file__).with_name("trace.sql").read_text()


class Silent(StackError):
    """Somebody who should know does not answer."""


class Sources:
    """Everybody who can know something of an event that went through the stack of this home."""

    def __init__(self, home: Home, ports: Ports) -> None:
        self._home, self._ports = home, ports
        self._asked: dict[str, Callable[[Trace], None]] = {
            "PostgreSQL": self._database,
            "the gateway": self._gateway,
            "the spool": self._spools,
            "consumer.log": self._event_log,
            "Kafka": self._kafka,
            "the dead letters": self._dead_letters,
        }

    def ask(self, trace: Trace, asking: Callable[[str], None]) -> None:
        """Ask all of them, and note who does not answer; ``asking`` is told who is next.

        Takes seconds, and more when somebody is away.
        """
        for name, ask in self._asked.items():
            asking(f"asking {name}")
            try:
                ask(trace)
            except (Silent, OSError, psycopg.Error, requests.RequestException) as error:
                trace.silent[name] = str(error).strip().splitlines()[0]

    def _database(self, trace: Trace) -> None:
        url = pipeline.shared_environment(self._ports)["DATABASE_URL"]
        with psycopg.connect(url, connect_timeout=_ANSWER_SECONDS) as connection:
            try:
                row = connection.execute(_SQL.encode(), [trace.event_id]).fetchone()
            except psycopg.errors.UndefinedTable:  # no worker has run yet
                return
        if row is None:
            return
        topic, partition, offset, occurred, received, appended, stored, trace.request_id = row
        trace.place = Place(partition, offset)
        trace.see("occurred", occurred, "by its sender's clock")
        trace.see("received", received, "gateway")
        trace.see("appended", appended, f"Kafka, {topic}/{partition}@{offset}")
        trace.see("stored", stored, "PostgreSQL")

    def _gateway(self, trace: Trace) -> None:
        """Gateways share a port, so one of them answers; what it remembers is lost with it."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"http://{HOST}:{self._ports.api[0]}/events/{trace.event_id}", timeout=_ANSWER_SECONDS)
        place = answer.json()
        if answer.status_code != 200:
            raise Silent(place.get("detail", f"status {answer.status_code}"))
        trace.request_id = trace.request_id or place.get("request_id")
        if "offset" in place and not trace.place:
            trace.place = Place(place["partition"], place["offset"])
        spooled = place["status"] == "spooled"
        trace.see("answered", place.get("answered_at"), "gateway, as spooled" if spooled else "gateway, as published")

    def _spools(self, trace: Trace) -> None:
        for found in self._of_a_process("api.spool", "find", str(trace.event_id), str(self._home.data / "spool")):
            trace.read(found["event"], found["request_id"])
            refused = f"; Kafka refuses it: {found['refused']}" if found["refused"] else ""
            trace.see("spooled", found["spooled_at"], f"{found['file']}{refused}")

    def _event_log(self, trace: Trace) -> None:
        files = sorted(self._home.logs.glob("consumer*.log*"), key=lambda path: path.stat().st_mtime, reverse=True)
        line = next((line for path in files for line in _lines_with(str(trace.event_id), path)), None)
        if line:
            trace.read(line["event"], line["request_id"])
            trace.place = trace.place or Place(line["partition"], line["offset"])
            trace.see("logged", line["logged_at"], line["file"])

    def _kafka(self, trace: Trace) -> None:
        if not _is_on_disk_only(trace):
            look_up(trace, self._ports.brokers)

    def _dead_letters(self, trace: Trace) -> None:
        """A stored event is no dead letter any more, if it ever was one."""
        if trace.seen("stored") or _is_on_disk_only(trace):
            return
        if "Kafka" in trace.silent:
            raise Silent("they are in Kafka")
        origin = ("--origin", str(trace.place)) if trace.place else ()
        for letter in self._of_a_process("worker.dead_letters", "find", str(trace.event_id), *origin):
            trace.read(letter["event"], letter["request_id"])
            why = f"{letter['reason']}: {letter['detail']}"
            trace.see("parked", letter["parked_at"], f"dead letter {letter['offset']}, {why}")

    def _of_a_process(self, module: str, *words: str) -> Iterator[Any]:
        """What a command of ours prints, line by line. Raises Silent with its complaint when it prints nothing."""
        done = subprocess.run(  # noqa: S603  our own words
            [sys.executable, "-m", module, *words],
            cwd=ROOT, env={**os.environ, **pipeline.shared_environment(self._ports)}, capture_output=True, text=True,
        )  # fmt: skip
        if done.stderr and not done.stdout:
            raise Silent(done.stderr)
        return map(loads, done.stdout.splitlines())


def _is_on_disk_only(trace: Trace) -> bool:
    """Whether Kafka need not be asked, because it has never had the event."""
    return trace.seen("spooled") and trace.place is None


def _lines_with(event_id: str, path: Path) -> Iterator[Any]:
    """The lines about an event; others may mention it."""
    needle = event_id.encode()
    opened: Iterable[bytes]
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as opened:
        for line in opened:
            if needle in line:
                document = loads(line)
                if document["event"]["event_id"] == event_id:
                    yield {"file": str(path), **document}

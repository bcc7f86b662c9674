"""Senders in processes of their own: the books and the display cost them nothing, and several share a high rate."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from time import process_time, time
from typing import Any, Final, NamedTuple, Self

from traffic.plan import Plan, Run
from traffic.sender import Exchange, Sender
from traffic.settings import TrafficSettings

REPORT_SECONDS: Final = 0.1
_SPAWN = get_context("spawn")  # a fork would copy the locks of threads, but not the threads


class SenderDied(Exception):
    """A sender ended before its last report: what it sent since its last but one is not in the books."""


class Report(NamedTuple):
    """What a sender tells every REPORT_SECONDS."""

    sender: int
    exchanges: list[Exchange]
    inflight: int
    cpu_seconds: float
    finished: bool


class Fleet:
    """The sender processes of a run; as a context it leaves none behind."""

    def __init__(self, settings: TrafficSettings) -> None:
        self._links: list[Connection] = []
        self._processes = []
        for number in range(settings.processes):
            ours, theirs = _SPAWN.Pipe()
            process = _SPAWN.Process(target=_send, args=(settings, number, theirs), daemon=True)
            process.start()
            theirs.close()  # or the pipe would outlive the sender
            self._links.append(ours)
            self._processes.append(process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process, link in zip(self._processes, self._links, strict=True):
            process.terminate()
            process.join()
            link.close()

    def start(self, run_id: str, seed: int) -> Run:
        """Wait until every sender is ready, and let them go. Raises SenderDied."""
        for link in self._links:
            self._receive(link)
        run = Run(run_id, seed, time())
        for link in self._links:
            link.send(run)
        return run

    def reports(self) -> Iterator[Report]:
        """Reports as they come, until the last sender has finished. Raises SenderDied."""
        at_work = list(self._links)
        while at_work:
            for link in wait(at_work):
                assert isinstance(link, Connection)
                report = self._receive(link)
                if report.finished:
                    at_work.remove(link)
                yield report

    def stop(self) -> None:
        """Begin nothing new; the reports go on until what is in flight has its answer."""
        for link in self._links:
            with suppress(OSError):  # it has finished already
                link.send("stop")

    def _receive(self, link: Connection) -> Any:
        try:
            return link.recv()
        except (EOFError, OSError):
            process = self._processes[self._links.index(link)]
            process.join()
            raise SenderDied(f"{process.name} ended with exit code {process.exitcode}") from None


def _send(settings: TrafficSettings, number: int, link: Connection) -> None:
    """A sender process: ready, go, then reports; any further message means stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group, but the command decides
    with suppress(EOFError, BrokenPipeError):  # the command is gone
        link.send("ready")
        run = link.recv()
        before = process_time()
        with Sender(settings, Plan(settings, run, number).departures()) as sender:
            running = True
            while running:
                if link.poll(REPORT_SECONDS):
                    link.recv()
                    sender.stop()
                running = sender.running
                link.send(Report(number, sender.collect(), sender.inflight, process_time() - before, not running))

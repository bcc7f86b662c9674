"""Measures pace: one steady load, with a probe on the core of the gateway's loop."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from os import sched_getaffinity, sched_setaffinity
from pathlib import Path
from statistics import fmean
from threading import Event as Stop
from threading import Thread, get_native_id
from time import monotonic, sleep, thread_time
from types import TracebackType
from typing import Final, Self

import psutil

from benchmarks.http import Requests
from benchmarks.laboratory import Laboratory
from benchmarks.pace import Pace, Stretch
from contract.topics import EVENTS

_STRETCH_SECONDS: Final = 0.5
_PAUSE_SECONDS: Final = 0.03
_TEXT: Final = json.dumps([{"number": number, "text": f"of {number}"} for number in range(40)])
_TIMES: Final = 10


def measure(laboratory: Laboratory, requests: Requests, seconds: float) -> Pace:
    """Blocks for so long, which is 5 seconds at least.

    The loop has a core to itself and the probe meanwhile, all else has the others.
    """
    (gateway,) = laboratory.pids(requests.server)
    own, *others = sorted(sched_getaffinity(0))
    with apart(gateway, own, others or [own]), Probe(own) as probe, ThreadPoolExecutor() as pool:
        load = pool.submit(requests.measure, laboratory, seconds)
        sleep(1)
        stretches = []
        while not load.done():
            stretches.append(_stretch(laboratory, gateway, probe))
        load.result()
    return Pace(stretches[:-3])  # the load ends, and what is under way arrives


def _stretch(laboratory: Laboratory, gateway: int, probe: "Probe") -> Stretch:
    began, spent, end = monotonic(), _loop_seconds(gateway), laboratory.broker.end(EVENTS)
    probe.take()
    sleep(_STRETCH_SECONDS)
    arrived = laboratory.broker.end(EVENTS) - end
    return Stretch(arrived, monotonic() - began, _loop_seconds(gateway) - spent, probe.take())


class Probe:
    """Reads the same little JSON now and then, on one core, between entry and exit."""

    def __init__(self, core: int) -> None:
        self._core, self._stop, self._taken = core, Stop(), list[float]()
        self._thread = Thread(target=self._run, name="probe")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def take(self) -> float:
        """Processor time that took, in microseconds: the mean since this was last called."""
        taken, self._taken = self._taken, []
        return fmean(taken) * 1e6 if taken else 0.0

    def _run(self) -> None:
        sched_setaffinity(get_native_id(), {self._core})
        while not self._stop.wait(_PAUSE_SECONDS):
            began = thread_time()
            for _ in range(_TIMES):
                json.loads(_TEXT)
            self._taken.append(thread_time() - began)


@contextmanager
def apart(loop: int, own: int, others: Sequence[int]) -> Iterator[None]:
    """The main thread of that process on a core of its own; every other thread of the laboratory on the others."""
    before = sched_getaffinity(0)
    for thread in _threads():
        _pin(thread, {own} if thread == loop else {*others})
    try:
        yield
    finally:
        for thread in _threads():
            _pin(thread, before)


def _threads() -> Iterator[int]:
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        yield from (thread.id for thread in process.threads())


def _pin(thread: int, cores: set[int]) -> None:
    with suppress(ProcessLookupError):  # it has ended
        sched_setaffinity(thread, cores)


def _loop_seconds(process: int) -> float:
    """proc(5), schedstat: nanoseconds on a processor."""
    return int(Path(f"/proc/{process}/task/{process}/schedstat").read_text().split()[0]) / 1e9

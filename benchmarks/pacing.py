"""Measures pace: one steady load of batches, with a probe on the core of the gateway's loop."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from os import sched_getaffinity, sched_setaffinity
from pathlib import Path
from statistics import fmean
from threading import get_native_id
from time import monotonic, sleep, thread_time
from typing import Final

import psutil

from benchmarks.laboratory import Laboratory
from benchmarks.pace import Pace, Stretch
from benchmarks.plan import batches
from benchmarks.servers import PUBLISHERS
from contract.topics import EVENTS

_STRETCH_SECONDS: Final = 0.5
_PAUSE_SECONDS: Final = 0.03
_TEXT: Final = json.dumps([{"number": number, "text": f"of {number}"} for number in range(40)])
_TIMES: Final = 10


def measure(laboratory: Laboratory, seconds: float) -> Pace:
    """Blocks for so long, which is 5 seconds at least.

    The loop has a core to itself and the probe meanwhile, all else has the others.
    """
    load = batches(PUBLISHERS[1], EVENTS)
    (gateway,) = laboratory.pids(load.server)
    with apart(gateway) as others, ThreadPoolExecutor(initializer=sched_setaffinity, initargs=(0, others)) as pool:
        loaded = pool.submit(load.measure, laboratory, seconds)
        sleep(1)
        stretches = []
        while not loaded.done():
            stretches.append(_stretch(laboratory, gateway))
        loaded.result()
    return Pace(stretches[:-3])  # the load ends, and what is under way arrives


@contextmanager
def apart(loop: int) -> Iterator[set[int]]:
    """The main thread of that process and the calling one on a core of their own; yields the cores of all else.

    Where there is one core alone, everything is on it.
    """
    before = sched_getaffinity(0)
    own = min(before)
    others = before - {own} or before
    _pin(lambda thread: {own} if thread in (loop, get_native_id()) else others)
    try:
        yield others
    finally:
        _pin(lambda _: before)


def probe() -> float:
    """Processor time of work that is always the same, in microseconds."""
    began = thread_time()
    for _ in range(_TIMES):
        json.loads(_TEXT)
    return (thread_time() - began) * 1e6


def _stretch(laboratory: Laboratory, gateway: int) -> Stretch:
    began, spent, end = monotonic(), _loop_seconds(gateway), laboratory.broker.end(EVENTS)
    probed = []
    while monotonic() - began < _STRETCH_SECONDS:
        sleep(_PAUSE_SECONDS)
        probed.append(probe())
    arrived = laboratory.broker.end(EVENTS) - end
    return Stretch(arrived, monotonic() - began, _loop_seconds(gateway) - spent, fmean(probed))


def _pin(cores: Callable[[int], set[int]]) -> None:
    """Each thread of this process and of those it has started."""
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        for thread in process.threads():
            with suppress(ProcessLookupError):  # it has ended
                sched_setaffinity(thread.id, cores(thread.id))


def _loop_seconds(process: int) -> float:
    """proc(5), schedstat: nanoseconds on a processor."""
    return int(Path(f"/proc/{process}/task/{process}/schedstat").read_text().split()[0]) / 1e9

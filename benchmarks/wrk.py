"""The load: wrk, a closed loop with so many connections, from one thread."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Final

from pydantic import TypeAdapter

from stack import debian
from stack.home import CACHE
from stack.jars import Progress

SCRIPT: Final = Path(__file__).with_name("load.lua")
TIMEOUT_SECONDS: Final = 10


@dataclass(frozen=True)
class Load:
    """What wrk saw. ``refused`` answers had a status of 400 or above; ``broken`` requests had none."""

    requests: int
    seconds: float
    refused: int
    broken: int
    p50_ms: float
    p99_ms: float
    worst_ms: float


class Wrk:
    """Raises what ``stack.debian`` raises when there is no wrk and none can be had."""

    def __init__(self, progress: Progress) -> None:
        self._program = which("wrk") or str(debian.program("wrk", CACHE, progress))

    def run(self, url: str, connections: int, seconds: float, events: int = 1, form: str = "json") -> Load:
        """Blocks for so many seconds. ``events`` are in each request."""
        command = [self._program, "--threads=1", f"--connections={connections}", f"--duration={seconds:.0f}s"]
        command += [f"--timeout={TIMEOUT_SECONDS}s", f"--script={SCRIPT}", url, "--", str(events), form]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  our own words
        return _LOAD.validate_json(done.stdout.splitlines()[-1])


_LOAD: Final = TypeAdapter(Load)

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
        on_path = which("wrk")
        program = Path(on_path) if on_path else debian.program("wrk", CACHE, progress, "libluajit-5.1-2")
        self._program = str(program)
        self._environment = None if on_path else {"LD_LIBRARY_PATH": debian.library_path(program)}

    def run(self, url: str, connections: int, seconds: float, events: int = 1, form: str = "json") -> Load:
        """Blocks for so many seconds. ``events`` are in each request."""
        command = [self._program, "--threads=1", f"--connections={connections}", f"--duration={seconds:.0f}s"]
        command += [f"--timeout={TIMEOUT_SECONDS}s", f"--script={SCRIPT}", url, "--", str(events), form]
        done = subprocess.run(  # noqa: S603  our own words
            command, env=self._environment, capture_output=True, text=True, check=True
        )
        return _LOAD.validate_json(done.stdout.splitlines()[-1])


_LOAD: Final = TypeAdapter(Load)

"""What a process costs, read from /proc: processor seconds and peak memory, its children included for the first."""

from pathlib import Path
from typing import Final

import psutil

_RESET_PEAK: Final = "5"  # proc(5), clear_refs


class Usage:
    """The cost of one process since this was made."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)
        self._before = self._seconds()

    @property
    def cpu_seconds(self) -> float:
        return self._seconds() - self._before

    @property
    def peak_mb(self) -> float:
        """Most resident memory, in MB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        return int(peak) * 1024 / 1e6

    def _seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

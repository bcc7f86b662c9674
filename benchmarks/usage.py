"""What processes cost, read from /proc: processor seconds, and the memory of the largest at its peak."""

from pathlib import Path
from typing import Final

import psutil

_RESET_PEAK: Final = "5"  # proc(5), clear_refs


class Usage:
    """The cost of some processes since this was made."""

    def __init__(self, *pids: int) -> None:
        self._processes = [psutil.Process(pid) for pid in pids]
        for pid in pids:
            Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)
        self._before = self._seconds()

    @property
    def cpu_seconds(self) -> float:
        return self._seconds() - self._before

    @property
    def peak_mb(self) -> float:
        """Most resident memory, in MB."""
        return max(_peak_kib(process.pid) for process in self._processes) * 1024 / 1e6

    def _seconds(self) -> float:
        times = [process.cpu_times() for process in self._processes]
        return float(sum(time.user + time.system for time in times))


def _peak_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak)

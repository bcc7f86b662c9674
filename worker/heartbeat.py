"""A file that is touched while the loop turns, for health checks that can look at nothing but files."""

from pathlib import Path
from time import monotonic

_EVERY_SECONDS = 1.0


class Heartbeat:
    """Touches ``path`` at most once a second; without a path it does nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path, self._due = path, 0.0

    def beat(self) -> None:
        if self._path is not None and monotonic() >= self._due:
            self._path.touch()
            self._due = monotonic() + _EVERY_SECONDS

"""Progress, on stderr: a bar on a terminal, elsewhere a line every few seconds."""

from collections import deque
from time import monotonic
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

LINE_SECONDS: Final = 5.0
RATE_SECONDS: Final = 2.0


class Display:
    """Shows one phase after the other while the context lasts."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def phase(self, name: str, total: int) -> "Phase":
        return Phase(self._console, self._bars, self._bars.add_task(name, total=total, note=""), name, total)


class Phase:
    """The progress of one thing to be done ``total`` times."""

    def __init__(self, console: Console, bars: Progress, task: TaskID, name: str, total: int) -> None:
        self._console, self._bars, self._task, self._name, self._total = console, bars, task, name, total
        self._recent: deque[tuple[float, int]] = deque()
        self._line_due = monotonic() + LINE_SECONDS

    def show(self, done: int, note: str = "") -> None:
        """``done`` so far; on a terminal at once, elsewhere when a line is due."""
        note = f"{self._rate(done)}{note}"
        self._bars.update(self._task, completed=done, note=note)
        now = monotonic()
        if not self._console.is_terminal and (now >= self._line_due or done >= self._total):
            self._line_due = now + LINE_SECONDS
            self._console.print(f"{self._name}: {done:,} of {self._total:,}, {note}")

    def _rate(self, done: int) -> str:
        """Over the last RATE_SECONDS; nothing at the first look, which may find the work of a long time."""
        self._recent.append((monotonic(), done))
        if len(self._recent) == 1:
            return ""
        while len(self._recent) > 2 and self._recent[-1][0] - self._recent[0][0] > RATE_SECONDS:
            self._recent.popleft()
        (began, before), (now, _) = self._recent[0], self._recent[-1]
        return f"{(done - before) / max(now - began, 0.001):,.0f}/s  "

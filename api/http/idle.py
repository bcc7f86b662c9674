"""How long a connection has had nothing to do."""

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable


class Idle:
    """Calls ``close`` when the connection has been idle for so long.

    One timer looks when it might be time: a timer for each request costs as much as a tenth of its work.
    """

    __slots__ = ("_close", "_loop", "_seconds", "_since", "_timer")

    def __init__(self, loop: AbstractEventLoop, seconds: float, close: Callable[[], None]) -> None:
        self._loop, self._seconds, self._close = loop, seconds, close
        self._since: float | None = None
        self._timer: TimerHandle | None = None

    def begin(self) -> None:
        self._since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._look)

    def end(self) -> None:
        self._since = None

    def stop(self) -> None:
        """For good: the connection is lost."""
        if self._timer:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        if self._since is None:
            return
        rest = self._since + self._seconds - self._loop.time()
        if rest > 0:
            self._timer = self._loop.call_later(rest, self._look)
        else:
            self._close()

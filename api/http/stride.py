"""A coroutine without a task: a request is a short one, and a task costs as much as what it does."""

from asyncio import AbstractEventLoop, CancelledError, Future
from collections.abc import Callable, Coroutine
from typing import Any

_Work = Coroutine["Future[Any] | None", None, None]


class Stride:
    """Runs a coroutine at once up to its first wait, and on whenever what it waits for is done.

    Nobody can cancel it, and what needs to know its task, as ``asyncio.timeout`` does, cannot be used within.
    ``failed`` is told of what the coroutine raises.
    """

    __slots__ = ("_failed", "_loop", "_work")

    def __init__(self, work: _Work, loop: AbstractEventLoop, failed: Callable[[BaseException], None]) -> None:
        self._work, self._loop, self._failed = work, loop, failed
        self._go_on()

    def _go_on(self, _done: "Future[Any] | None" = None) -> None:
        try:
            waits_for = self._work.send(None)
        except StopIteration:
            return
        except (Exception, CancelledError) as error:  # noqa: BLE001 - the edge: whoever started it is told
            self._failed(error)
            return
        if waits_for is None:  # it only lets others have their turn
            self._loop.call_soon(self._go_on)
        else:
            waits_for._asyncio_future_blocking = False  # as a task tells it that its await was seen
            waits_for.add_done_callback(self._go_on)

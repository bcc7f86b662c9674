"""While the spool drains, new events wait a little.

Without that a gateway under full load never comes back from an outage: what it takes in fills the spool faster than
what is left of its one thread empties it, and at last it refuses events though Kafka is there.
"""

from asyncio import Future, get_running_loop
from typing import Final

_SHARE: Final = 0.5
_MOST_ROOM: Final = 10_000


class Brake:
    """Lets in half as many events as leave the spool. Nobody waits for longer than ``most_seconds``."""

    def __init__(self, most_seconds: float) -> None:
        self._most_seconds = most_seconds
        self._room: float = _MOST_ROOM  # events that need not wait; below 0 when one came with more
        self._waiting: dict[Future[None], int] = {}

    @property
    def holds_some(self) -> bool:
        return bool(self._waiting)

    async def wait(self, events: int) -> None:
        """Until it is the turn of so many, in the order of arrival."""
        if not self._waiting and self._room > 0:
            self._room -= events
            return
        turn = get_running_loop().create_future()
        timer = get_running_loop().call_later(self._most_seconds, self._let_in, turn)
        self._waiting[turn] = events
        try:
            await turn
        finally:
            self._waiting.pop(turn, None)
            timer.cancel()

    def drained(self, records: int) -> None:
        """So many have left the spool."""
        self._room = min(self._room + _SHARE * records, _MOST_ROOM)
        while self._waiting and self._room > 0:
            self._room -= self._let_in(next(iter(self._waiting)))

    def release(self) -> None:
        """Nothing needs to wait, or it would be of no use."""
        self._room = _MOST_ROOM
        while self._waiting:
            self._let_in(next(iter(self._waiting)))

    def _let_in(self, turn: "Future[None]") -> int:
        events = self._waiting.pop(turn, 0)
        if not turn.done():
            turn.set_result(None)
        return events

"""The HTTP client: sends items, and insists on a final answer to each."""

from collections.abc import Callable
from random import uniform
from time import monotonic
from typing import Final, NamedTuple

from requests import RequestException

from traffic.connection import Connection
from traffic.endpoints import PUBLISHED, SPOOLED, Endpoint, EventBatches, Reply, SingleEvents
from traffic.metrics import Answer
from traffic.plan import Item, Kind
from traffic.settings import TrafficSettings

MOST_PAUSE_SECONDS: Final = 10.0
SILENCE: Final = 0
"""The status of no answer at all."""
DOUBT: Final = frozenset((SILENCE, 502, 504))
"""The event may be accepted or not; only the same event_id sent again settles it."""
NOT_NOW: Final = frozenset((429, 503))
"""The event is not accepted, and may be sent again later."""
_OPEN: Final = DOUBT | NOT_NOW


class Outcome(NamedTuple):
    """What became of an item in the end; ``surprise`` says what was unexpected about it."""

    kind: Kind
    event_id: str
    answer: Answer
    surprise: str = ""


class Delivery(NamedTuple):
    """What became of a request's items, and why it was sent again, each time."""

    outcomes: list[Outcome]
    retries: list[str]


class Client:
    """For one thread: it keeps one connection. ``pause`` waits so many seconds and tells whether to stop."""

    def __init__(self, settings: TrafficSettings, pause: Callable[[float], bool]) -> None:
        self._endpoint: Endpoint = EventBatches() if settings.batch else SingleEvents()
        self._retry_seconds, self._pause = settings.retry_seconds, pause
        self._connection = Connection(settings.gateway + self._endpoint.path, settings.headers)

    def deliver(self, items: list[Item]) -> Delivery:
        """Send ``items`` in one request, and again what got no final answer, until that has taken too long."""
        outcomes: list[Outcome] = []
        retries: list[str] = []
        doubtful: set[str] = set()
        give_up = monotonic() + self._retry_seconds
        while True:
            replies, retry_after = self._attempt(items)
            again: list[tuple[Item, Reply]] = []
            for item, reply in zip(items, replies, strict=True):
                if reply.status in _OPEN:
                    again.append((item, reply))
                else:
                    outcomes.append(judge(item, reply))
            doubtful |= {item.event_id for item, reply in again if reply.status in DOUBT}
            if not again or not self._wait(_backoff(len(retries), retry_after), give_up):
                break
            retries.append(_reason(again[0][1]))
            items = [item for item, _ in again]
        outcomes += [judge(item, reply, item.event_id in doubtful) for item, reply in again]
        return Delivery(outcomes, retries)

    def close(self) -> None:
        self._connection.close()

    def _wait(self, seconds: float, give_up: float) -> bool:
        """Whether to try once more."""
        return monotonic() + seconds <= give_up and not self._pause(seconds)

    def _attempt(self, items: list[Item]) -> tuple[list[Reply], str | None]:
        """A reply for each item, and the Retry-After header."""
        try:
            response = self._connection.post(*self._endpoint.pack(items))
        except RequestException as error:
            return [Reply(SILENCE, detail=type(error).__name__)] * len(items), None
        try:
            replies = self._endpoint.unpack(response, len(items))
        except (LookupError, TypeError, ValueError) as error:  # a proxy's page, or a broken gateway
            replies = [Reply(response.status, detail=f"unreadable answer ({error})")] * len(items)
        return replies, response.retry_after


def judge(item: Item, reply: Reply, doubtful: bool = False) -> Outcome:
    """Hold the last answer against what the item deserves; ``doubtful`` when an earlier one left room for doubt."""
    what = item.flaw or "a good event"
    if reply.status in (PUBLISHED, SPOOLED):
        if item.deserves != PUBLISHED:
            surprise = f"{what} was accepted, not refused with {item.deserves}"
        elif reply.event_id != item.event_id:
            surprise = f"{what} was accepted without its event_id: {reply.detail or reply.event_id}"
        else:
            answer = Answer.PUBLISHED if reply.status == PUBLISHED else Answer.SPOOLED
            return Outcome(item.kind, item.event_id, answer)
    elif reply.status == item.deserves:
        return Outcome(item.kind, item.event_id, Answer.REFUSED)
    elif reply.status in DOUBT or (doubtful and reply.status in NOT_NOW):
        return Outcome(item.kind, item.event_id, Answer.UNKNOWN)
    else:
        surprise = f"{what} was refused with {reply.status}: {reply.detail}"
    return Outcome(item.kind, item.event_id, Answer.UNEXPECTED, surprise)


def _reason(reply: Reply) -> str:
    return f"no answer ({reply.detail})" if reply.status == SILENCE else f"status {reply.status}"


def _backoff(retries: int, retry_after: str | None) -> float:
    """Seconds: what the gateway asks for, else twice as long each time; scattered, so that not all are back at once."""
    asked = float(retry_after) if retry_after and retry_after.isdecimal() else 0.1 * 2.0 ** min(retries, 10)
    return min(MOST_PAUSE_SECONDS, asked) * uniform(1.0, 1.25)  # noqa: S311 - not a secret

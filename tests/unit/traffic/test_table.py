import socket
from collections.abc import Collection, Iterator
from contextlib import closing

import pytest

from traffic.table import EventTable, TableUnreachable, drain


class Arriving(EventTable):
    """A table in which the events arrive look by look; None stands for an outage."""

    def __init__(self, *looks: Collection[str] | None) -> None:
        super().__init__("postgresql://")
        self._looks, self._there = iter(looks), set[str]()

    def count(self, event_ids: Collection[str]) -> dict[str, int]:
        arrived = next(self._looks, ())
        if arrived is None:
            raise TableUnreachable("gone")
        self._there |= set(arrived)
        return {event_id: 1 for event_id in event_ids if event_id in self._there}


@pytest.fixture
def closed_port() -> Iterator[int]:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


def test_a_drain_ends_when_the_last_accepted_event_is_stored() -> None:
    looks = drain(Arriving("ab", "", "c"), "abc", timeout=60, stall=60)
    assert list(looks) == [2, 2, 3]


def test_a_drain_of_nothing_is_over_at_once() -> None:
    assert list(drain(Arriving(), "", timeout=60, stall=60)) == [0]


def test_a_drain_survives_an_outage_of_the_database() -> None:
    assert list(drain(Arriving("a", None, "bc"), "abc", timeout=60, stall=60)) == [1, 1, 3]


def test_a_drain_gives_up_when_nothing_moves() -> None:
    assert list(drain(Arriving("a"), "abc", timeout=60, stall=0))[-1] == 1


def test_a_drain_gives_up_when_it_takes_too_long() -> None:
    assert list(drain(Arriving("a", "b"), "abc", timeout=0, stall=60)) == [1]


def test_an_unreachable_database_is_named_without_its_password(closed_port: int) -> None:
    table = EventTable(f"postgresql://events:s3cret@127.0.0.1:{closed_port}/shop")
    with pytest.raises(TableUnreachable) as caught:
        table.count(["0190163d-8694-739b-aea5-966c26f8ad91"])
    assert f"PostgreSQL at 127.0.0.1:{closed_port}, database shop" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["nonsense", "mysql://root@127.0.0.1/x"])
def test_an_address_that_is_none_is_called_so(url: str) -> None:
    with pytest.raises(TableUnreachable, match="address that cannot be read"):
        EventTable(url).count(["0190163d-8694-739b-aea5-966c26f8ad91"])

"""A client that is busy and brings nothing."""

import pytest

from worker.spin import Spin


class Thread:
    """Its clock, and the processor time it has used."""

    def __init__(self) -> None:
        self.now = self.used = 0.0


@pytest.fixture
def thread() -> Thread:
    return Thread()


@pytest.fixture
def spin(thread: Thread) -> Spin:
    return Spin(1.0, lambda: thread.now, lambda: thread.used)


def poll(spin: Spin, thread: Thread, used: float, empty: bool = True) -> bool:
    """A poll of 0.2 s."""
    spin.begin()
    thread.now += 0.2
    thread.used += used
    return spin.goes_on(empty)


def test_empty_polls_that_are_busy_add_up(spin: Spin, thread: Thread) -> None:
    assert [poll(spin, thread, used=0.1) for _ in range(7)].index(True) in (4, 5)


def test_empty_polls_at_rest_never_do(spin: Spin, thread: Thread) -> None:
    assert not any(poll(spin, thread, used=0.002) for _ in range(100))


def test_busy_polls_with_records_never_do(spin: Spin, thread: Thread) -> None:
    assert not any(poll(spin, thread, used=0.2, empty=False) for _ in range(100))


def test_one_poll_with_records_or_at_rest_begins_the_sum_anew(spin: Spin, thread: Thread) -> None:
    for _ in range(10):
        assert not any(poll(spin, thread, used=0.1) for _ in range(3))
        poll(spin, thread, used=0.1, empty=False)
        assert not any(poll(spin, thread, used=0.1) for _ in range(3))
        poll(spin, thread, used=0.0)


def test_what_was_told_is_told_again_only_after_as_long(spin: Spin, thread: Thread) -> None:
    told = [poll(spin, thread, used=0.1) for _ in range(24)]
    assert 3 <= sum(told) <= 4

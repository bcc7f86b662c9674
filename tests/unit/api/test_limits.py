"""The rate of each key, and what Retry-After says."""

import pytest

from api.limits import Pace, RateLimit


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_no_rate_is_no_limit(clock: Clock) -> None:
    assert {RateLimit(0, clock).admit("key", 10**9) for _ in range(100)} == {0}


def test_a_seconds_worth_may_come_at_once_and_then_one_by_one(clock: Clock) -> None:
    limit = RateLimit(10, clock)
    assert [limit.admit("key", 1) for _ in range(11)] == [0] * 10 + [1]
    clock.now += 0.1
    assert [limit.admit("key", 1) for _ in range(2)] == [0, 1]
    clock.now += 3600
    assert [limit.admit("key", 1) for _ in range(11)] == [0] * 10 + [1]


def test_over_a_long_time_the_rate_is_exact(clock: Clock) -> None:
    limit = RateLimit(5, clock)
    let_in = 0
    for _ in range(1_000):
        let_in += not limit.admit("key", 1)
        clock.now += 0.125
    assert 125 * 5 <= let_in <= 125 * 5 + 5


def test_a_refused_request_costs_nothing(clock: Clock) -> None:
    limit = RateLimit(2, clock)
    assert limit.admit("key", 2) == 0
    assert [limit.admit("key", 1) for _ in range(100)] == [1] * 100
    clock.now += 0.5
    assert limit.admit("key", 1) == 0


def test_the_wait_is_long_enough(clock: Clock) -> None:
    limit = RateLimit(0.1, clock)
    assert limit.admit("key", 1) == 0
    wait = limit.admit("key", 1)
    assert wait == 10
    clock.now += wait
    assert limit.admit("key", 1) == 0


def test_a_batch_larger_than_the_bucket_is_let_in_when_it_is_full_and_paid_for_later(clock: Clock) -> None:
    limit = RateLimit(10, clock)
    assert limit.admit("key", 25) == 0
    assert limit.admit("key", 1) == 2
    clock.now += 1.5
    assert limit.admit("key", 1) == 1
    clock.now += 0.1
    assert limit.admit("key", 1) == 0
    assert limit.admit("key", 25) == 1


def test_keys_do_not_share(clock: Clock) -> None:
    limit = RateLimit(1, clock)
    assert [limit.admit("a", 1), limit.admit("a", 1), limit.admit("b", 1)] == [0, 1, 0]


def test_a_flood_of_keys_does_not_grow_the_memory_nor_free_the_busy_one(clock: Clock) -> None:
    limit = RateLimit(1, clock)
    limit.admit("busy", 1)
    for number in range(50_000):
        limit.admit(f"key-{number}", 1)
        assert number % 1000 or limit.admit("busy", 1)
    assert len(limit._buckets) <= 10_000


def test_the_pace_of_what_leaves_tells_how_long_room_takes(clock: Clock) -> None:
    pace = Pace(clock)
    for _ in range(10):
        clock.now += 1
        pace.step(20)
    assert pace.seconds_until_room() == 1
    assert pace.seconds_until_room(20) == 1
    assert pace.seconds_until_room(100) == 5
    assert pace.seconds_until_room(10**6) == 60


def test_while_nothing_leaves_the_longest_wait_is_told(clock: Clock) -> None:
    pace = Pace(clock)
    assert pace.seconds_until_room() == 60
    pace.step(100)
    clock.now += 6
    assert pace.seconds_until_room() == 1
    clock.now += 6
    assert pace.seconds_until_room() == 60


def test_a_young_pace_is_already_told(clock: Clock) -> None:
    pace = Pace(clock)
    pace.step(10)
    clock.now += 2
    assert pace.seconds_until_room(10) == 2

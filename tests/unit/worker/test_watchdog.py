"""When a partition or a rebalance is stuck, and when it only looks so."""

from collections.abc import Collection, Mapping

from kafka.structs import TopicPartition

from worker.watchdog import Joining, Watchdog

A, B = TopicPartition("events", 0), TopicPartition("events", 1)


def ask(partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
    """Every partition has ten records."""
    return dict.fromkeys(partitions, 10)


def test_a_partition_with_records_that_did_not_move_between_two_looks_is_stuck() -> None:
    watchdog = Watchdog(0)
    assert watchdog.stuck({A: 3, B: 3}, ask) == set()
    assert watchdog.stuck({A: 3, B: 4}, ask) == {A}


def test_a_partition_without_records_is_not_stuck() -> None:
    watchdog = Watchdog(0)
    watchdog.stuck({A: 10}, ask)
    assert watchdog.stuck({A: 10}, ask) == set()


def test_records_that_came_only_now_are_no_sign() -> None:
    watchdog = Watchdog(0)
    watchdog.stuck({A: 3}, lambda _: {A: 3})
    assert watchdog.stuck({A: 3}, ask) == set()
    assert watchdog.stuck({A: 3}, ask) == {A}


def test_what_stood_still_with_an_excuse_is_looked_at_anew() -> None:
    watchdog = Watchdog(0)
    watchdog.stuck({A: 3}, ask)
    watchdog.excuse()
    assert watchdog.stuck({A: 3}, ask) == set()


def test_between_two_looks_nobody_is_asked() -> None:
    def never(_: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        raise AssertionError

    assert Watchdog(60).stuck({A: 3}, never) == set()


class Clock:
    """Moves by a second whenever it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_a_rebalance_that_lasts_is_endless() -> None:
    joining = Joining(20, Clock())
    assert any(joining.endless(rebalancing=True) for _ in range(30))


def test_rebalances_that_end_are_not() -> None:
    joining = Joining(20, Clock())
    for _ in range(10):
        assert not any(joining.endless(rebalancing=True) for _ in range(5))
        assert not joining.endless(rebalancing=False)


def test_an_endless_rebalance_is_told_again_only_after_as_long() -> None:
    joining = Joining(20, Clock())
    told = [joining.endless(rebalancing=True) for _ in range(100)]
    assert 3 <= sum(told) <= 5

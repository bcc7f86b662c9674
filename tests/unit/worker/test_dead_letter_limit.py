"""When parking stops being the right thing to do."""

import pytest

from worker.dead_letters import DeadLetterLimit
from worker.errors import TooManyDeadLetters


def take(limit: DeadLetterLimit, records: int, dead: int) -> None:
    """A batch that is let through and done with; its dead come last."""
    limit.check(fates := [False] * (records - dead) + [True] * dead)
    limit.count(fates)


def test_now_and_then_a_dead_letter_is_normal() -> None:
    limit = DeadLetterLimit(100, 0.5)
    for _ in range(1_000):
        take(limit, 100, 10)


def test_a_run_within_one_batch_trips() -> None:
    with pytest.raises(TooManyDeadLetters, match="100 records in a row"):
        DeadLetterLimit(100, 1).check([True] * 100)


def test_a_run_over_many_batches_trips_at_its_end() -> None:
    limit = DeadLetterLimit(100, 1)
    for _ in range(99):
        take(limit, 1, 1)
    with pytest.raises(TooManyDeadLetters):
        take(limit, 1, 1)


def test_a_good_record_ends_a_run() -> None:
    limit = DeadLetterLimit(100, 1)
    for _ in range(10):
        take(limit, 99, 99)
        take(limit, 1, 0)


def test_a_good_record_within_a_batch_ends_a_run() -> None:
    limit = DeadLetterLimit(100, 1)
    limit.check([True] * 99 + [False] + [True] * 99)
    with pytest.raises(TooManyDeadLetters, match="100 records in a row"):
        limit.check([False] + [True] * 100 + [False])


def test_a_run_goes_on_from_the_end_of_one_batch_to_the_begin_of_the_next() -> None:
    limit = DeadLetterLimit(100, 1)
    take(limit, 100, 60)
    limit.check([True] * 39 + [False])
    with pytest.raises(TooManyDeadLetters, match="100 records in a row"):
        limit.check([True] * 40 + [False])


def test_a_share_trips_once_enough_records_were_seen() -> None:
    limit = DeadLetterLimit(10_000, 0.5)
    for _ in range(99):
        take(limit, 100, 60)
    with pytest.raises(TooManyDeadLetters, match="6000 of the last 10000"):
        take(limit, 100, 60)


def test_a_share_looks_at_the_last_records_only() -> None:
    limit = DeadLetterLimit(10_000, 0.5)
    for _ in range(1_000):
        take(limit, 100, 0)
    for _ in range(51):
        take(limit, 100, 99)
    with pytest.raises(TooManyDeadLetters):
        take(limit, 100, 99)


def test_what_tripped_is_not_counted_so_a_second_look_trips_again() -> None:
    limit = DeadLetterLimit(10, 1)
    for _ in range(3):
        with pytest.raises(TooManyDeadLetters):
            take(limit, 10, 10)
    take(limit, 9, 9)

"""Waiting for what happens in its own time: until a condition holds, within a limit, never for a fixed while."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], *, within: float) -> T:
    """Call the condition until it returns something true, and return that; fails after so many seconds.

    The failure names the last value, so that a test tells how far things came.
    """
    deadline = monotonic() + within
    while not (value := condition()):
        if monotonic() > deadline:
            raise AssertionError(f"not within {within} s; the last answer was {value!r}")
        sleep(0.05)
    return value

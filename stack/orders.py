"""What another command asks of a stack's supervisor for as long as that command lives: its drills' faults."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import psutil
from pydantic import TypeAdapter

from stack.home import Home


class Condition(StrEnum):
    """What is wrong with a service."""

    FINE = "fine"
    AWAY = "away"  # killed, and not started again
    FROZEN = "frozen"  # it holds its connections and answers nothing
    WITHOUT_DISK = "without disk"  # every write to a file fails


@dataclass(frozen=True)
class Order:
    """How a service shall be."""

    condition: Condition = Condition.FINE
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to its own; a change starts it anew."""


AS_USUAL: Final = Order()


@dataclass(frozen=True)
class Orders:
    """The orders of one process. They end with it, however it ends: a fault never outlives its drill."""

    giver: int
    giver_began: float
    services: Mapping[str, Order]

    def stand(self) -> bool:
        """Whether the giver is alive."""
        try:
            return psutil.Process(self.giver).create_time() == self.giver_began
        except psutil.NoSuchProcess:
            return False


@contextmanager
def given(home: Home, services: Mapping[str, Order]) -> Iterator[None]:
    """The supervisor sees to these orders meanwhile, and that all is as usual afterwards."""
    me = psutil.Process()
    path = home.orders
    partial = path.with_suffix(".partial")
    partial.write_bytes(_ORDERS.dump_json(Orders(os.getpid(), me.create_time(), services)))
    partial.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def standing(home: Home) -> Mapping[str, Order]:
    """The orders to be followed now, by service."""
    try:
        orders = _ORDERS.validate_json(home.orders.read_bytes())
    except FileNotFoundError:
        return {}
    return orders.services if orders.stand() else {}


_ORDERS: Final = TypeAdapter(Orders)

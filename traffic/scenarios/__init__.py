"""Realistic events: each scenario turns a seeded random generator into an endless stream of drafts."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from random import Random

from traffic.scenarios.draft import Draft
from traffic.scenarios.iot import iot
from traffic.scenarios.logs import logs
from traffic.scenarios.shop import shop

__all__ = ["SCENARIOS", "Draft", "Scenario"]


class Scenario(StrEnum):
    SHOP = "shop"
    IOT = "iot"
    LOGS = "logs"
    MIXED = "mixed"


def mixed(rng: Random) -> Iterator[Draft]:
    streams = [shop(rng), iot(rng), logs(rng)]
    while True:
        yield next(rng.choices(streams, (60, 25, 15))[0])


SCENARIOS: dict[Scenario, Callable[[Random], Iterator[Draft]]] = {
    Scenario.SHOP: shop,
    Scenario.IOT: iot,
    Scenario.LOGS: logs,
    Scenario.MIXED: mixed,
}

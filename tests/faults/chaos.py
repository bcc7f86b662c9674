"""Faults and load drawn from a seed, for as long as asked; at the end the books must balance.

  python -m tests.faults.chaos --seconds 600 --seed 7

What is drawn depends on the seed alone; what it meets depends on the moment. Exit status: 0 when every accepted event
is stored exactly once and no refused one is, 1 when not.
"""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from random import Random, SystemRandom
from threading import Event
from time import monotonic
from typing import NamedTuple

from tests.faults.ledger import Ledger
from tests.faults.proxy import Proxy
from tests.faults.rig import Rig, running_rig
from tests.publishers import DEFAULT
from tests.waiting import until

_SETTLING_SECONDS = 300.0

Step = Callable[[Rig], object]


class Fault(NamedTuple):
    """``end`` undoes what ``begin`` did."""

    name: str
    begin: Step
    end: Step


def killed(service: str) -> Fault:
    return Fault(f"{service} killed", lambda rig: rig.stack.kill(service), lambda rig: restarted(rig, service))


def stopped(service: str) -> Fault:
    return Fault(f"{service} stopped", lambda rig: rig.stack.stop(service), lambda rig: restarted(rig, service))


def frozen(service: str) -> Fault:
    return Fault(f"{service} frozen", lambda rig: rig.stack.pause(service), lambda rig: rig.stack.resume(service))


def network(name: str, way: Callable[[Rig], Proxy], spoil: Callable[[Proxy], None]) -> Fault:
    return Fault(name, lambda rig: spoil(way(rig)), lambda rig: way(rig).heal())


def restarted(rig: Rig, service: str) -> None:
    """Gateway and worker reach Kafka and PostgreSQL through the proxies."""
    rig.stack.start(service, environment=PROXIED[service](rig) if service in PROXIED else None)


PROXIED: dict[str, Callable[[Rig], dict[str, str]]] = {
    "api": lambda rig: {**rig.kafka_proxied},
    "worker": lambda rig: {**rig.postgres_proxied},
}
NETWORKS: list[tuple[str, Callable[[Rig], Proxy]]] = [
    ("gateway to Kafka", lambda rig: rig.kafka),
    ("worker to PostgreSQL", lambda rig: rig.postgres),
]
FAULTS = [
    *(make(service) for service in ("kafka", "postgres", "api", "worker") for make in (killed, stopped, frozen)),
    frozen("zookeeper"),
    Fault("one more worker", lambda rig: rig.stack.add_worker(), lambda rig: rig.stack.remove_worker()),
    *(network(f"{name} {what}", way, spoil) for name, way in NETWORKS for what, spoil in (
        ("hangs", Proxy.hang), ("is reset", Proxy.reset), ("is half-open", Proxy.lose_peers),
        ("is refused", Proxy.refuse), ("loses answers", Proxy.lose_answers),
        ("takes 100 ms", lambda proxy: proxy.slow_down(latency=0.1)),
        ("carries 1 Mbit/s", lambda proxy: proxy.slow_down(bytes_per_second=125_000)),
    )),
]  # fmt: skip


class Chaos:
    """Breaks a rig under load, one fault or two at a time."""

    def __init__(self, rig: Rig, dice: Random, seconds: float) -> None:
        self._rig, self._dice, self._ledger = rig, dice, rig.ledger()
        self._began, self._end = monotonic(), monotonic() + seconds
        self._patience = Event()  # never set: only waited for

    def run(self) -> Ledger:
        for service in PROXIED:
            self._rig.stack.stop(service)
            restarted(self._rig, service)
        while monotonic() < self._end:
            rate, batch = self._dice.choice([(20, 1), (100, 1), (300, 1), (500, 20), (1000, 100)])
            self._say(f"{rate} events a second, {batch} a request")
            with self._ledger.sending(per_second=rate, batch=batch):
                for _ in range(4):
                    if monotonic() < self._end:
                        self._one_fault()
                        self._last(self._dice.uniform(0, 6))
        return self._ledger

    def _one_fault(self) -> None:
        faults = self._dice.sample(FAULTS, self._dice.choice([1, 1, 2]))
        if len({_touches(fault) for fault in faults}) < len(faults):
            faults = faults[:1]  # one cannot kill what is dead
        for fault in faults:
            self._say(fault.name)
            fault.begin(self._rig)
        self._last(self._dice.uniform(0.2, 15))
        for fault in reversed(faults):
            self._say(f"{fault.name}: over")
            fault.end(self._rig)

    def _last(self, seconds: float) -> None:
        self._patience.wait(seconds)

    def _say(self, what: str) -> None:
        accepted = self._ledger.accepted()
        say(f"{monotonic() - self._began:6.1f} s  {accepted:7} accepted  {what}")


def _touches(fault: Fault) -> str:
    return fault.name.split()[0]


def judge(rig: Rig, ledger: Ledger) -> int:
    rig.heal(DEFAULT)
    try:
        say(f"{ledger.settle(within=_SETTLING_SECONDS)}")
        until(lambda: rig.lag() == 0, within=60)
    except AssertionError as error:
        say(f"THE BOOKS DO NOT BALANCE: {error}")
        say(f"The services' logs are in {rig.stack.home.logs}")
        return 1
    return 0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = ArgumentParser(
        "python -m tests.faults.chaos", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of a run that shall be drawn again")
    options = parser.parse_args()
    seed = SystemRandom().randrange(10**6) if options.seed is None else options.seed
    say(f"seed {seed}, {options.seconds:.0f} s")
    with running_rig() as rig:
        rig.heal(DEFAULT)
        status = judge(rig, Chaos(rig, Random(seed), options.seconds).run())
        if status:
            sys.exit(status)  # past the removal of the logs
    say(f"seed {seed}: every accepted event is stored exactly once")
    return 0


if __name__ == "__main__":
    sys.exit(main())

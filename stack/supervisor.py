"""The process that outlives ``up``: it runs the services, restarts what dies, and stops all when asked to. Drills
give it orders: for their time, a service is away, frozen or changed.

``python -m stack.supervisor --home DIR`` is started by ``python -m stack up``, which has written the state file.
SIGTERM stops the stack.
"""

import logging
import os
import signal
import sys
from argparse import ArgumentParser
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from stack.errors import StackError
from stack.home import Home
from stack.orders import AS_USUAL, Condition, Order, standing
from stack.stack import Phase, Stack, silent
from stack.state import Row, State

LOG: Final = logging.getLogger("supervisor")
LONGEST_PAUSE_SECONDS: Final = 30.0
HEALTHY_SECONDS: Final = 10.0
"""A service that ran this long is restarted at once when it dies."""

_DO: Final = {Condition.AWAY: Stack.kill, Condition.FROZEN: Stack.pause, Condition.WITHOUT_DISK: Stack.fill_disk}
_UNDO: Final = {Condition.FROZEN: Stack.resume, Condition.WITHOUT_DISK: Stack.free_disk}


class Supervisor:
    """Keeps a stack running, and its state file true."""

    def __init__(self, home: Home, state: State) -> None:
        self._home, self._state = home, state
        self.stack = Stack(home.root, state.ports, state.programs, self._report, self._pause)
        self._leaving = False
        self._pauses = dict.fromkeys(self.stack.services, 0.0)
        self._starts = dict.fromkeys(self.stack.services, 0.0)
        self._orders = dict.fromkeys(self.stack.services, AS_USUAL)
        state.supervisor = os.getpid()
        state.services = {
            name: Row(Phase.WAITING, None, service.address, service.one_shot)
            for name, service in self.stack.services.items()
        }
        state.save(home)

    def run(self) -> None:
        """Start everything and watch it until SystemExit. Raises StackError when the start fails."""
        self.stack.start()
        self._state.started = True
        self._state.save(self._home)
        while True:
            orders = standing(self._home)
            for name in self.stack.services:
                self._follow(name, orders.get(name, AS_USUAL))
                if self._has_died(name):
                    self._restart(name)
            self._pause(0.2)

    def leave(self) -> None:
        """End ``run`` at its next pause: an exception from a signal handler could get lost anywhere."""
        self._leaving = True

    def fail(self, error: StackError) -> None:
        self._state.error = str(error)
        self._state.save(self._home)

    def _follow(self, name: str, order: Order) -> None:
        """Undo what the order before did to the service, and do what this one says."""
        before, self._orders[name] = self._orders[name], order
        if order == before:
            return
        LOG.warning("%s shall be %s %s", name, order.condition, dict(order.environment) or "")
        if self.stack.running(name):
            _UNDO.get(before.condition, silent)(self.stack, name)
            _DO.get(order.condition, silent)(self.stack, name)
        if order.environment != before.environment:
            self.stack.stop(name)

    def _has_died(self, name: str) -> bool:
        away = self.stack.services[name].one_shot or self._orders[name].condition == Condition.AWAY
        return not away and not self.stack.running(name)

    def _restart(self, name: str) -> None:
        """As compose's ``unless-stopped``: at once, then after longer and longer pauses."""
        if monotonic() < self._starts[name] + self._pauses[name]:
            return
        healthy = monotonic() > self._starts[name] + self._pauses[name] + HEALTHY_SECONDS
        self._pauses[name] = 0.5 if healthy else min(self._pauses[name] * 2, LONGEST_PAUSE_SECONDS)
        LOG.warning("%s has ended and is started again", name)
        try:
            self.stack.restart(name, self._orders[name].environment)
        except StackError as error:
            LOG.warning("%s", error)
        self._starts[name] = monotonic()

    def _pause(self, seconds: float) -> None:
        if self._leaving:
            sys.exit(0)
        sleep(seconds)

    def _report(self, name: str, phase: Phase) -> None:
        LOG.info("%s %s", name, phase)
        process = self.stack.processes.get(name)
        row = self._state.services[name]
        row.phase, row.pid = phase, process.pid if process else None
        self._state.save(self._home)


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    parser = ArgumentParser("python -m stack.supervisor", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    home = Home(parser.parse_args().home.resolve())
    state = State.load(home)
    if state is None:
        parser.error(f"{home.state} is missing: use `python -m stack up`")
    supervisor = Supervisor(home, state)
    signal.signal(signal.SIGTERM, lambda *_: supervisor.leave())
    try:
        supervisor.run()
    except StackError as error:
        supervisor.fail(error)
        return 1
    finally:
        supervisor.stack.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())

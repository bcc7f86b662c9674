"""The verbs of ``python -m stack``. Each returns an exit code, and raises StackError for what the user must know."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from time import time
from uuid import UUID

from pydantic_core import to_json

from stack import demo, doctor
from stack.capacity import Demand, plan
from stack.drills.catalogue import DRILLS
from stack.drills.command import drill
from stack.errors import NotRunning
from stack.home import ROOT, Home
from stack.lifecycle import down, running, up
from stack.ports import Ports, require_free
from stack.programs import find
from stack.screen import Screen
from stack.state import State
from stack.topology import remove_data, services
from stack.trace import Trace
from stack.trace_sources import Sources


@dataclass(frozen=True)
class Commands:
    """The verbs, for the stack of one home."""

    home: Home
    screen: Screen

    def up(self, ports: Ports) -> int:
        """Start the stack, or do nothing when it runs."""
        state = running(self.home)
        if state:
            self.screen.say("The stack is up already.")
        else:
            state = self._start(ports)
        self.screen.addresses(self.home, state.ports)
        return 0

    def down(self, *, volumes: bool) -> int:
        """Stop the stack, whatever state it is in."""
        count = down(self.home)
        self.screen.say(f"Stopped {count} processes." if count else "Nothing was running.")
        if volumes:
            remove_data(self.home)
            self.screen.say("Removed the stored data.")
        return 0

    def status(self) -> int:
        """Print how each service answers; exit code 1 unless all do."""
        state = State.load(self.home)
        if not state:
            raise NotRunning("The stack is not running: start it with `make demo` or `python -m stack up`.")
        ready = {
            service.name: service.name in state.services and (service.one_shot or service.ready())
            for service in services(self.home, state.ports, state.programs)
        }
        self.screen.services(state, ready)
        return 0 if all(ready.values()) else 1

    def demo(self, ports: Ports) -> int:
        """Start the stack, send the simulator's traffic through it, and leave it running."""
        began = time()
        state, ours = running(self.home), False
        if not state:
            state, ours = self._start(ports), True
        try:
            code = demo.send_traffic(state, self.screen)
            report = demo.save_report(self.home, state, began)
        except BaseException:
            if ours:
                self.screen.say("Stopping the stack.")
                down(self.home)
            raise
        self.screen.addresses(self.home, state.ports)
        self.screen.say(f"This run's dashboards, as one file: {report}")
        self.screen.say("The stack stays up: `make down` stops it, `make demo` sends the next 10,000 events.")
        return code

    def drill(self, names: Sequence[str], rate: float, *, own: bool) -> int:
        """Inject faults, and see that the right alerts fire and clear; exit code 1 when a drill fails."""
        drills = list(DRILLS.values()) if "all" in names else [DRILLS[name] for name in dict.fromkeys(names)]
        if not own:
            if not (state := running(self.home)):
                raise NotRunning("A drill needs a running stack: `make demo`, `python -m stack up`, or --own for one.")
            return drill(self.home, self.home.reports, state, self.screen, drills, rate)
        theirs = Commands(Home(self.home.root / "drills"), self.screen)
        try:
            state = theirs._start(Ports.plan(free=True))
            return drill(theirs.home, self.home.reports, state, self.screen, drills, rate)
        finally:
            theirs.down(volumes=True)

    def doctor(self) -> int:
        """Check everything the stack depends on, and name the first thing that is wrong."""
        return doctor.examine(self.home, self.screen)

    def trace(self, event_id: UUID, *, as_json: bool) -> int:
        """Tell where an event has been, and when; exit code 1 when nobody knows it."""
        state = State.load(self.home)
        if not state:
            raise NotRunning("There is no stack that could know an event: `make demo` starts one.")
        trace = Trace(event_id)
        with self.screen.waiting() as asking:
            Sources(self.home, state.ports).ask(trace, asking)
        for line in trace.lines() if not as_json else [to_json(trace.document()).decode()]:
            self.screen.say(line)
        return 0 if trace.found else 1

    def capacity(self, demand: Demand) -> int:
        """Print what a rate of events needs."""
        self.screen.capacity(demand, plan(demand))
        return 0

    def promtool(self, arguments: list[str]) -> int:
        """Run Prometheus's own checker."""
        with self.screen.fetching() as progress:
            program = find(progress).promtool
        return subprocess.run([program, *arguments], cwd=ROOT).returncode  # noqa: S603  the user's own words

    def _start(self, ports: Ports) -> State:
        require_free(ports.named())
        with self.screen.fetching() as progress:
            programs = find(progress)
        with self.screen.starting() as starting:
            return up(self.home, ports, programs, starting.watch)

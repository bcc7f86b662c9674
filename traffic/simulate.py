"""The command: send events on a schedule, wait for the drain, count every event in the table, say the verdict."""

import json
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from secrets import randbelow, token_hex
from time import monotonic, time

if not __package__:  # run as a script: Python has put the script's own folder first, but the packages are beside it
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from rich.console import Console
from rich.text import Text

from traffic.arguments import parse
from traffic.display import Display
from traffic.exposure import Exposure
from traffic.fleet import Fleet, SenderDied
from traffic.ledger import Audit, Ledger
from traffic.metrics import Answer, TrafficMetrics
from traffic.plan import Mix, Run
from traffic.preflight import NotReady, check_gateway, check_table
from traffic.report import Result, document
from traffic.settings import TrafficSettings
from traffic.table import EventTable, TableUnreachable, drain
from traffic.tables import tables


class Interruption:
    """The first Ctrl-C or SIGTERM is noted, so that the books can be closed; a later one ends the process.

    A program that runs this one may add its SIGTERM to the terminal's Ctrl-C: within a second they are one.
    """

    def __init__(self) -> None:
        self._noted_at: float | None = None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, *_: object) -> None:
        if self._noted_at is None:
            self._noted_at = monotonic()
        elif monotonic() - self._noted_at > 1:
            raise KeyboardInterrupt

    def __call__(self) -> bool:
        return self._noted_at is not None


class Simulation:
    """One run, from the first look at the gateway to the result."""

    def __init__(
        self, settings: TrafficSettings, metrics: TrafficMetrics, console: Console, interrupted: Callable[[], bool]
    ) -> None:
        self._settings, self._metrics, self._console, self._interrupted = settings, metrics, console, interrupted
        self._table = EventTable(settings.database_url.get_secret_value()) if settings.verify else None
        self._ledger = Ledger(metrics)
        self._faults: list[str] = []

    def run(self) -> Result:
        """Blocks until all is sent and drained, or stopped. Raises NotReady when it cannot begin."""
        check_gateway(self._settings, self._console)
        if self._table:
            check_table(self._table)
        with Fleet(self._settings) as fleet, Display(self._console) as display:
            seed = randbelow(2**32) if self._settings.seed is None else self._settings.seed
            run = fleet.start(token_hex(4), seed)
            self._announce(run)
            self._metrics.target.set(self._settings.events)
            self._metrics.started.set(run.started_at)
            self._send(fleet, display)
            ended_at = time()
            self._metrics.ended.set(ended_at)
            audit = self._prove(display)
        faults = [*self._faults, *self._ledger.faults(audit)]
        return Result(self._settings, run, ended_at, self._ledger, audit, faults, self._interrupted())

    def _announce(self, run: Run) -> None:
        mix, settings = Mix.of(self._settings), self._settings
        self._console.print(
            f"Run {run.id}, seed {run.seed}: {mix.events:,} {settings.scenario} events, {mix.duplicates:,} re-sends and"
            f" {mix.flaws:,} bad events to {settings.gateway} in {sum(mix) / settings.rate:,.0f} s",
            soft_wrap=True,
        )

    def _send(self, fleet: Fleet, display: Display) -> None:
        phase = display.phase("sending", sum(Mix.of(self._settings)))
        try:
            for report in fleet.reports():
                self._ledger.enter(report)
                phase.show(self._ledger.sent, _note(self._ledger))
                if self._interrupted():
                    fleet.stop()
        except SenderDied as error:
            self._faults.append(f"{error}; what it was sending is not in these books")

    def _prove(self, display: Display) -> Audit | None:
        if self._table is None:
            return None
        accepted = self._ledger.accepted
        phase = display.phase("draining", len(accepted))
        for stored in drain(self._table, accepted, self._settings.drain_timeout, self._settings.stall_timeout):
            phase.show(stored, "stored")
            if self._interrupted():
                break
        try:
            return self._ledger.audit(self._table)
        except TableUnreachable as error:
            self._faults.append(f"the events could not be counted: {error}")
            return None
        finally:
            self._table.close()


def _note(ledger: Ledger) -> str:
    answers = ledger.answers
    failed = answers[Answer.UNEXPECTED] + answers[Answer.UNKNOWN]
    accepted = answers[Answer.PUBLISHED] + answers[Answer.SPOOLED]
    return f"accepted {accepted:,}  refused {answers[Answer.REFUSED]:,}  failed {failed:,}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    settings, as_json = parse(arguments)
    screen, output = Console(stderr=True, highlight=False), Console(highlight=False)
    interruption = Interruption()
    with Exposure(settings.metrics_host, settings.metrics_port, screen) as exposure:
        try:
            result = Simulation(settings, exposure.metrics, screen, interruption).run()
        except NotReady as error:
            screen.print(str(error), style="bold red", markup=False, soft_wrap=True)
            return 2
        except KeyboardInterrupt:
            return 130
        facts = document(result)
        for part in tables(facts):
            (screen if as_json else output).print(part, soft_wrap=isinstance(part, Text))
        if as_json:
            sys.stdout.write(json.dumps(facts, indent=2) + "\n")
            sys.stdout.flush()
        exposure.linger(interruption)
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main())

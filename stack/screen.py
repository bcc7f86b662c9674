"""What the commands print: plain lines, and on a terminal what is going on meanwhile."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final

from rich.console import Console
from rich.filesize import decimal
from rich.status import Status
from rich.table import Table
from rich.text import Text

from stack.capacity import Capacity, Demand
from stack.home import Home
from stack.jars import Progress
from stack.ports import HOST, Ports
from stack.stack import Phase
from stack.state import State

_SILENCE_SECONDS: Final = 15.0


class Screen:
    """Prints to standard output; errors go to standard error."""

    def __init__(self) -> None:
        self._out, self._err = Console(highlight=False, soft_wrap=True), Console(stderr=True, soft_wrap=True)

    def say(self, text: str) -> None:
        self._out.print(Text(text))

    def complain(self, text: str) -> None:
        self._err.print(Text(text, style="red"))

    def finding(self, subject: str, found: str, good: bool) -> None:
        """One check of the doctor's."""
        self._out.print(Text("ok " if good else "BAD", style=_colour(good)), Text(f"{subject:<15} {found}"))

    @contextmanager
    def fetching(self) -> Iterator[Progress]:
        """Shows what is being downloaded."""
        told = set[str]()
        with self._out.status("") as status:

            def progress(what: str, here: int, wanted: int) -> None:
                if what not in told:
                    told.add(what)
                    self.say(f"fetching {what} (once)")
                status.update(f"{what}: {here} of {wanted}" if wanted > 1 else what)

            yield progress

    @contextmanager
    def starting(self) -> Iterator["Starting"]:
        """Shows which services are being started, and a line for each that is ready."""
        with self._out.status("") as status:
            yield Starting(self, status)

    @contextmanager
    def waiting(self) -> Iterator[Callable[[str], None]]:
        """Shows what is being waited for; without a terminal, a line every quarter of a minute."""
        with self._out.status("") as status:
            told = monotonic()

            def show(what: str) -> None:
                nonlocal told
                status.update(what)
                if not self._out.is_terminal and monotonic() > told + _SILENCE_SECONDS:
                    told = monotonic()
                    self.say(what)

            yield show

    def table(self, headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
        table = Table(*headings, box=None, padding=(0, 2, 0, 0))
        for row in rows:
            table.add_row(*map(Text, row))
        self._out.print(table)

    def services(self, state: State, ready: dict[str, bool]) -> None:
        """A line a service: how it answers now, process, address."""
        for name, row in state.services.items():
            good = ready[name]
            word = "not ready" if not good else "done" if row.one_shot else "ready"
            pid = "-" if row.one_shot else str(row.pid or "-")
            self._out.print(f"{name:<15}", Text(f"{word:<10}", style=_colour(good)), f"{pid:>8}  {row.address}")

    def capacity(self, demand: Demand, capacity: Capacity) -> None:
        """What a rate of events needs, a line each."""
        self.say(
            f"{demand.events_per_second:,.0f} events/s of {demand.event_bytes} bytes, processes {demand.busy:.0%} busy"
        )
        for what, number in _needs(capacity):
            self.say(f"{what:<22} {number}")

    def addresses(self, home: Home, ports: Ports) -> None:
        """Where a person looks next."""
        for what, address in _addresses(home, ports):
            self.say(f"{what:<15} {address}")


class Starting:
    """The progress of a start."""

    def __init__(self, screen: Screen, status: Status) -> None:
        self._screen, self._status = screen, status
        self._began, self._told = monotonic(), set[str]()

    def watch(self, state: State) -> None:
        """Show the state: a line for each service that has become ready, the others while they start."""
        for name, row in state.services.items():
            if row.phase == Phase.READY and name not in self._told:
                self._told.add(name)
                self._screen.say(f"{monotonic() - self._began:5.1f} s  {name} ready")
        busy = [name for name, row in state.services.items() if row.phase == Phase.STARTING]
        self._status.update(f"starting {', '.join(busy) or 'the supervisor'}")


def _addresses(home: Home, ports: Ports) -> list[tuple[str, str]]:
    api = f"http://{HOST}:{ports.api[0]}"
    return [
        ("Dashboards", f"http://{HOST}:{ports.dashboards}"),
        ("Gateway", f"{api}/register_event, described at {api}/docs"),
        ("Prometheus", f"http://{HOST}:{ports.prometheus}"),
        ("PostgreSQL", f"postgresql://events:events@{HOST}:{ports.postgres}/events"),
        ("Kafka", ports.brokers),
        ("consumer.log", str(home.log("consumer"))),
    ]


def _needs(capacity: Capacity) -> list[tuple[str, str]]:
    return [
        ("gateways", f"{capacity.gateways}"),
        ("spool of each", _size(capacity.spool_bytes)),
        ("brokers", f"{capacity.brokers}"),
        ("partitions", f"{capacity.partitions}"),
        ("disk for the topic", _size(capacity.topic_disk)),
        ("workers", f"{capacity.workers}"),
        ("PostgreSQL servers", f"{capacity.postgres_servers}"),
        ("disk for the table", _size(capacity.table_disk)),
    ]


def _size(number: float) -> str:
    return decimal(round(number), precision=1)


def _colour(good: bool) -> str:
    return "green" if good else "red"

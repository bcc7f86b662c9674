"""What is written down about a running stack, so that other commands find it."""

from dataclasses import dataclass, field
from typing import Final

import psutil
from pydantic import TypeAdapter

from stack.home import Home
from stack.ports import Ports
from stack.process import MARK
from stack.programs import Programs


@dataclass
class Row:
    """One service as its supervisor sees it."""

    phase: str
    pid: int | None
    address: str
    one_shot: bool


@dataclass
class State:
    """Everything a command needs to know of a stack it did not start."""

    ports: Ports
    programs: Programs
    supervisor: int | None = None
    error: str | None = None
    started: bool = False
    """Whether everything was ready once."""

    services: dict[str, Row] = field(default_factory=dict)

    def save(self, home: Home) -> None:
        """Replace the file in one step: a reader never sees half of it."""
        home.root.mkdir(parents=True, exist_ok=True)
        partial = home.state.with_suffix(".partial")
        partial.write_bytes(_STATE.dump_json(self, indent=1))
        partial.replace(home.state)

    @classmethod
    def load(cls, home: Home) -> "State | None":
        """The state of the home's stack, or None when none was started there."""
        try:
            return _STATE.validate_json(home.state.read_bytes())
        except FileNotFoundError:
            return None

    def supervised(self, home: Home) -> bool:
        """Whether the supervisor that wrote this is alive."""
        return self.supervisor in {process.pid for process in processes(home)}


def processes(home: Home) -> list[psutil.Process]:
    """Every process of the home's stack, known by the mark in its environment: no file can get that wrong."""
    return [process for process in psutil.process_iter() if _mark(process) == str(home.root)]


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):  # gone, or somebody else's
        return None


_STATE: Final = TypeAdapter(State)

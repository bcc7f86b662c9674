"""Finds what is wrong with the stack: checks in the order in which things depend on each other."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from stack import debian, jars, topology
from stack.errors import PortTaken
from stack.home import CACHE, Home
from stack.ports import Ports, require_free
from stack.process import tail
from stack.programs import KAFKA_JARS, on_path
from stack.screen import Screen
from stack.state import State

DISK_BYTES: Final = 2 * 2**30


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, what was found, and what to do when that is bad."""

    subject: str
    found: str
    remedy: str = ""

    @property
    def good(self) -> bool:
        return not self.remedy


def examine(home: Home, screen: Screen) -> int:
    """Print every finding; the first bad one is the link to mend. Exit code 1 when there is one."""
    broken: Finding | None = None
    for finding in findings(home):
        screen.finding(finding.subject, finding.found, finding.good)
        broken = broken or (None if finding.good else finding)
    if broken:
        screen.complain(f"\nThe first broken link is the {broken.subject}: {broken.remedy}")
        return 1
    screen.say("\nEverything is in order.")
    return 0


def findings(home: Home) -> Iterator[Finding]:
    """What this machine offers, then what runs."""
    yield _python()
    yield _disk(home)
    yield _kafka()
    yield _prometheus()
    state = State.load(home)
    if not state:
        yield from _ports()
        yield Finding("stack", "not running; `make demo` starts it")
    elif not state.supervised(home):
        yield Finding("supervisor", "has ended", "`make down` stops what is left, `make demo` starts anew.")
    else:
        yield from _services(home, state)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    return Finding("Python", version, "" if good else "install Python 3.11 or newer, remove .venv and run make again.")


def _disk(home: Home) -> Finding:
    existing = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    found = f"{free / 2**30:.1f} GiB free below {existing}"
    return Finding("disk", found, "" if free > DISK_BYTES else "make room: the stack wants 2 GiB.")


def _kafka() -> Finding:
    missing = len(jars.missing(CACHE / KAFKA_JARS))
    return Finding("Kafka's jars", f"{missing} to be fetched at the first start" if missing else f"all in {CACHE}")


def _prometheus() -> Finding:
    if program := on_path("prometheus"):
        return Finding("Prometheus", f"installed, {program}")
    if (package := debian.unpacked("prometheus", CACHE)).exists():
        return Finding("Prometheus", f"Debian's package, in {package}")
    if shutil.which("apt-get") and shutil.which("dpkg-deb"):
        return Finding("Prometheus", "to be fetched at the first start, with apt-get")
    return Finding("Prometheus", "not installed, and there is no apt-get to fetch it with", "install Prometheus.")


def _ports() -> Iterator[Finding]:
    try:
        require_free(Ports().named())
    except PortTaken as error:
        yield Finding("ports", "taken", str(error))
    else:
        yield Finding("ports", "free")


def _services(home: Home, state: State) -> Iterator[Finding]:
    for service in topology.services(home, state.ports, state.programs):
        row = state.services.get(service.name)
        good = row is not None and (row.phase == "ready" if service.one_shot else service.ready())
        found = ("done" if service.one_shot else f"answers at {service.address}") if good else "does not answer"
        log = home.log(service.name)
        remedy = f"`make down`, then `make demo`, start it anew. The end of {log}:\n{tail(log)}"
        yield Finding(service.name, found, "" if good else remedy)

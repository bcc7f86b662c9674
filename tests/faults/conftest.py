"""One stack for all fault tests, made whole before each; and a summary with every test's ledger."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.faults.rig import Rig, running_rig
from tests.publishers import DEFAULT, OTHER

_BOOKS = pytest.StashKey[list[str]]()

Note = Callable[[object], None]


def on_both_clients(rig: str = "rig", *, always: bool = False) -> pytest.MarkDecorator:
    """Of a test: with a gateway on either Kafka client. The second run is one of the long ones, unless ``always``."""
    other = OTHER if always else pytest.param(OTHER, marks=pytest.mark.long)
    return pytest.mark.parametrize(rig, [DEFAULT, other], indirect=True)


class Rigs:
    """One stack at a time; it is started for the first test that needs it, and kept for the next ones."""

    def __init__(self) -> None:
        self._running = ExitStack()
        self._brokers = 0
        self._rig: Rig | None = None

    def with_brokers(self, brokers: int) -> Rig:
        if self._rig is None or self._brokers != brokers:
            self.stop()
            self._brokers, self._rig = brokers, self._running.enter_context(running_rig(brokers))
        return self._rig

    def stop(self) -> None:
        self._running.close()
        self._rig = None


@pytest.fixture(scope="session")
def rigs() -> Iterator[Rigs]:
    rigs = Rigs()
    yield rigs
    rigs.stop()


@pytest.fixture
def rig(rigs: Rigs, request: pytest.FixtureRequest) -> Rig:
    """The stack with nothing wrong with it, yet."""
    rig = rigs.with_brokers(1)
    rig.heal(getattr(request, "param", DEFAULT))
    return rig


@pytest.fixture
def three_brokers(rigs: Rigs, request: pytest.FixtureRequest) -> Rig:
    """As ``rig``, with three brokers."""
    rig = rigs.with_brokers(3)
    rig.heal(getattr(request, "param", DEFAULT))
    return rig


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Keeps a line, a ledger's or a figure, for the end of the run."""

    def keep(line: object) -> None:
        request.config.stash.setdefault(_BOOKS, []).append(f"{request.node.name}: {line}")

    return keep


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash.get(_BOOKS, []):
        terminalreporter.section("ledgers")
        for line in lines:
            terminalreporter.write_line(line)

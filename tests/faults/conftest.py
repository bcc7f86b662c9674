"""One stack for all fault tests, made whole before each; and a summary with every test's ledger."""

from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import pytest

from tests.faults.rig import Rig, running_rig

_BOOKS = pytest.StashKey[list[str]]()

Note = Callable[[object], None]


@pytest.fixture(scope="session")
def whole_rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    home = Path(mkdtemp(prefix="event-pipeline-faults-"))
    home.chmod(0o755)  # the account that runs PostgreSQL for root must enter
    with running_rig(home) as rig:
        yield rig
    if request.session.testsfailed:
        request.config.get_terminal_writer().line(f"\nThe services' logs are in {rig.stack.home.logs}")
    else:
        rmtree(home)


@pytest.fixture
def rig(whole_rig: Rig) -> Rig:
    """The stack with nothing wrong with it, yet."""
    whole_rig.heal()
    return whole_rig


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

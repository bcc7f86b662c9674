"""``python -m stack`` as a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from stack.home import ROOT, Home


def command(home: Home, verb: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "stack", verb, "--home", str(home.root), *options]


def run(home: Home, verb: str, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(home, verb, *options), cwd=ROOT, capture_output=True, text=True, timeout=400)


@contextmanager
def running_home() -> Iterator[Home]:
    """A running stack, in a folder that is closed to every account but the caller's."""
    home = Home(Path(mkdtemp(prefix="event-pipeline-")))
    started = run(home, "up", "--free-ports")
    assert started.returncode == 0, started.stderr
    yield home
    run(home, "down", "--volumes")
    rmtree(home.root)

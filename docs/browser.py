"""Chromium without a window: it photographs a page, or tells what is on it and what its console says."""

import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=15000",  # milliseconds the page may draw before it is looked at
)
_CONSOLE = re.compile(r"^\[.*CONSOLE.*?\] (.*)$", re.MULTILINE)


class BrowserMissing(Exception):
    """There is no Chromium here; its text says what to do."""


class Page(NamedTuple):
    """What is on a page once it is drawn, as HTML, and each line on its console."""

    html: str
    console: list[str]


class Browser:
    """Raises BrowserMissing when there is none, and its methods CalledProcessError when it fails."""

    def __init__(self) -> None:
        found = shutil.which("chromium")
        if found is None:
            raise BrowserMissing("There is no chromium on the PATH; on Debian: apt-get install chromium")
        self._program = found

    def photograph(self, address: str, target: Path, width: int, height: int) -> None:
        """Save what the window shows as a PNG."""
        self._run(address, width, height, f"--screenshot={target}")

    def look(self, address: str, width: int, height: int, *, network: bool = True) -> Page:
        """Without a network every name and number leads nowhere, this machine's own too."""
        cut_off = [] if network else ["--host-resolver-rules=MAP * ~NOTFOUND"]
        done = self._run(address, width, height, "--dump-dom", *cut_off)
        return Page(done.stdout, _CONSOLE.findall(done.stderr))

    def _run(self, address: str, width: int, height: int, *flags: str) -> "subprocess.CompletedProcess[str]":
        with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            own = (f"--user-data-dir={profile}", f"--window-size={width},{height}")
            command = [self._program, *_FLAGS, *own, *flags, address]
            return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)  # noqa: S603

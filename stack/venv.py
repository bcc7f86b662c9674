"""Makes .venv and installs a requirements file into it: ``python3 -m stack.venv requirements/demo.txt``.

Runs on the system's Python before anything is installed, so it imports the standard library alone, and keeps to
what older versions understand, to be able to say that they are too old.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)


class SetupFailed(Exception):
    """What is missing, and what to do about it."""


def make_venv() -> None:
    """Make .venv, or mend one that was left half made. Raises SetupFailed."""
    if _works():
        return
    _say("Making .venv")
    made = _venv()
    if made.returncode and _install_venv_package():
        made = _venv()
    if made.returncode:
        raise SetupFailed(
            f"{sys.executable} cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv\n"
            + (made.stdout + made.stderr).strip()
        )


def install(requirements: Path) -> None:
    """Install the pinned, hashed packages, counting them on the way. Raises SetupFailed."""
    wanted = len(re.findall(r"^[\w.-]+==", requirements.read_text(), re.MULTILINE))
    _say(f"Installing {wanted} packages from {requirements.name} into .venv")
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    with subprocess.Popen(  # noqa: S603  our own virtual environment
        [*command, "--require-hashes", "-r", str(requirements)], stdout=subprocess.PIPE, text=True
    ) as pip:
        _show(pip.stdout or (), wanted)
    if pip.returncode:
        raise SetupFailed(f"pip could not install {requirements.name}; its own words are above")


def _show(lines: Iterable[str], wanted: int) -> None:
    """Turn pip's lines into one counter; on a terminal the line is written over and over."""
    count, terminal = 0, sys.stdout.isatty()
    for line in lines:
        if line.startswith(("Collecting", "Requirement already satisfied")):
            count += 1
            if terminal or count % 20 == 0:
                _say(f"  {count} of {wanted}", end="\r" if terminal else "\n")
        elif line.startswith("Installing collected"):
            _say("  all here; unpacking")


def _works() -> bool:
    return PYTHON.exists() and subprocess.run([PYTHON, "-c", "import pip"], capture_output=True).returncode == 0  # noqa: S603


def _venv() -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)  # noqa: S603


def _install_venv_package() -> bool:
    """Debian packs venv's other half apart; root can fetch it at once."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    _say("Installing Debian's package python3-venv")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "-y", "--no-install-recommends", "python3-venv"]):
        done = subprocess.run(["apt-get", "-qq", *step], env=environment, capture_output=True, text=True)  # noqa: S603, S607
        if done.returncode:
            raise SetupFailed(f"apt-get {' '.join(step)} failed:\n{done.stderr.strip()}")
    return True


def _say(text: str, stream: TextIO = sys.stdout, end: str = "\n") -> None:
    stream.write(text + end)
    stream.flush()


def main() -> int:
    if sys.version_info < OLDEST:
        _say(f"Python 3.11 or newer is needed, and {sys.executable} is older: try `make PYTHON=python3.11`", sys.stderr)
        return 1
    try:
        make_venv()
        install(Path(sys.argv[1]))
    except SetupFailed as error:
        _say(str(error), sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

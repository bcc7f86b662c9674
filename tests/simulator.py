"""The simulator as its users run it: a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

ROOT: Final = Path(__file__).parents[1]
SCRIPT: Final = (sys.executable, str(ROOT / "traffic" / "simulate.py"))
MODULE: Final = (sys.executable, "-m", "traffic.simulate")
PLAIN: Final = MappingProxyType({"TRAFFIC_METRICS_PORT": "0"})


def start(
    *arguments: str, program: tuple[str, ...] = SCRIPT, cwd: Path = ROOT, environment: Mapping[str, str] = PLAIN
) -> "subprocess.Popen[str]":
    """Nothing but ``environment`` sets it up, whatever this process has in its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TRAFFIC_", "DATABASE_"))}
    return subprocess.Popen(
        (*program, *arguments),
        cwd=cwd,
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    *arguments: str, program: tuple[str, ...] = SCRIPT, cwd: Path = ROOT, environment: Mapping[str, str] = PLAIN
) -> "subprocess.CompletedProcess[str]":
    with start(*arguments, program=program, cwd=cwd, environment=environment) as process:
        stdout, stderr = process.communicate(timeout=180)
    return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

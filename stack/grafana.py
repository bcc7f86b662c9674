"""The dashboards: Grafana where it is installed, else the page that draws the same JSON."""

import sys
from importlib.util import find_spec
from pathlib import Path

from stack.home import Home
from stack.ports import HOST, Ports
from stack.service import Service, answers


def dashboards(home: Home, ports: Ports, program: Path | None) -> list[Service]:
    address = f"http://{HOST}:{ports.dashboards}"
    if program:
        return [_grafana(home, ports, program, address)]
    if not find_spec("stack.board"):
        return []
    prometheus = f"http://{HOST}:{ports.prometheus}"
    command = (
        sys.executable,
        "-m",
        "stack.board",
        "--prometheus",
        prometheus,
        "--host",
        HOST,
        "--port",
        str(ports.dashboards),
    )
    return [
        Service(
            "board",
            command,
            ready=lambda: answers(address),
            address=address,
            ports=(ports.dashboards,),
            needs=("prometheus",),
        )
    ]


def _grafana(home: Home, ports: Ports, program: Path, address: str) -> Service:
    raise NotImplementedError

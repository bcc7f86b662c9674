"""The demo's own steps: the simulator in the foreground, and the dashboards of its run in a file."""

import os
import subprocess
import sys
from pathlib import Path
from time import gmtime, monotonic, sleep, strftime, time

from stack import pipeline
from stack.board_page import DASHBOARDS, load_dashboards, render_saved
from stack.board_queries import TimeRange
from stack.board_source import PrometheusSource
from stack.home import ROOT, Home
from stack.ports import HOST, Ports
from stack.prometheus import books_are_open
from stack.screen import Screen
from stack.state import State

_BOOKS_SECONDS = 20


def send_traffic(state: State, screen: Screen) -> int:
    """Run the simulator once the dashboards can see all of it; returns its exit code, and sees that it ends with us."""
    if not _books_open(state.ports):
        screen.complain("Prometheus has not seen every service yet: the dashboards may miss the first events.")
    environment = {
        **os.environ,
        **pipeline.shared_environment(state.ports),
        **pipeline.traffic_environment(state.ports),
    }
    simulator = subprocess.Popen([sys.executable, "traffic/simulate.py"], cwd=ROOT, env=environment)
    try:
        return simulator.wait()
    except BaseException:
        simulator.terminate()
        simulator.wait()
        raise


def save_report(home: Home, state: State, began: float) -> Path:
    """All dashboards since ``began``, Unix seconds, in one file that needs neither Prometheus nor a network."""
    home.reports.mkdir(parents=True, exist_ok=True)
    report = home.reports / strftime("run-%Y%m%dT%H%M%SZ.html", gmtime(began))
    source = PrometheusSource(f"http://{HOST}:{state.ports.prometheus}")
    report.write_text(render_saved(load_dashboards(DASHBOARDS), source, TimeRange(began, time())))
    return report


def _books_open(ports: Ports) -> bool:
    """Whether Prometheus opens its books within the time of a few scrapes."""
    deadline = monotonic() + _BOOKS_SECONDS
    while not books_are_open(ports):
        if monotonic() > deadline:
            return False
        sleep(0.2)
    return True

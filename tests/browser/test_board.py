"""The board in a browser, live and as one file: every panel is drawn, nothing fails, the numbers are Prometheus's."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from time import time
from typing import Any

import pytest
import requests

from docs.browser import Browser, Page
from stack.board import BoardServer
from stack.board_page import DASHBOARDS, load_dashboards
from stack.board_queries import TimeRange, all_panels, default_variables, panel_queries
from stack.board_source import PrometheusSource
from stack.home import ROOT
from stack.ports import HOST
from stack.prometheus import books_are_open
from stack.stack import Stack
from tests.browser.page import Panel, read
from tests.integration.gateway import gateway_of
from tests.integration.observed import GOOD, Prometheus, send_events
from tests.waiting import until

BOARDS = load_dashboards(DASHBOARDS)
WIDTH, HEIGHT = 1440, 6000  # all of a page at once: what is out of sight is not drawn
UNITS = {"": 1.0, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "%": 0.01, "/s": 1.0}

each_board = pytest.mark.parametrize("uid", BOARDS)


@pytest.fixture(scope="session")
def browser() -> Browser:
    return Browser()


@pytest.fixture(scope="module")
def run(stack: Stack) -> TimeRange:
    """A run with all its events at rest, and a value for every panel."""
    until(lambda: books_are_open(stack.ports), within=60)
    prometheus, began = Prometheus(stack.prometheus_url), time()
    with gateway_of(stack):
        send_events(stack)
    until(lambda: prometheus.value('sum(stage:events:total{stage="stored"})') == GOOD, within=60)
    until(lambda: prometheus.value("sum(group:lag_records:sum)") == 0, within=60)
    source = PrometheusSource(stack.prometheus_url)
    until(lambda: all(_shows(source, uid, began) for uid in BOARDS), within=60)
    return TimeRange(began - 60, time())


def _shows(source: PrometheusSource, uid: str, began: float) -> bool:
    answers = source.everything(BOARDS[uid], default_variables(BOARDS[uid]), TimeRange(began - 60, time()))
    return all(answer["queries"] and all(query["series"] for query in answer["queries"]) for answer in answers.values())


@pytest.fixture(scope="module")
def saved(stack: Stack, run: TimeRange, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run as one file, as the command writes it."""
    file = tmp_path_factory.mktemp("board") / "run.html"
    edges = [f"--from={round(run.start * 1000)}", f"--to={round(run.end * 1000)}"]
    command = [sys.executable, "-m", "stack.board", "--prometheus", stack.prometheus_url, "--save", str(file), *edges]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    return file


@pytest.fixture(scope="module")
def live(stack: Stack) -> Iterator[str]:
    """The address of a board that asks the stack's Prometheus."""
    server = BoardServer(HOST, 0, PrometheusSource(stack.prometheus_url), BOARDS)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://{HOST}:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def drawn(page: Page, uid: str) -> list[Panel]:
    """The panels of a page without a fault, each of them drawn."""
    assert page.console == []
    panels, _ = read(page.html)
    expected = [panel["title"] for panel in all_panels(BOARDS[uid]) if panel["type"] != "row"]
    assert [panel.title for panel in panels] == expected
    assert [panel for panel in panels if not panel.drawn] == []
    return panels


def compare(panels: list[Panel], uid: str, run: TimeRange, url: str) -> None:
    """Each number of the page that stands alone with what Prometheus says, to the three digits that are shown."""
    kinds = ("stat", "gauge")
    shown = {panel.title: number(panel.text) for panel in panels if panel.kind in kinds}
    told = {panel["title"]: ask(panel, uid, run, url) for panel in all_panels(BOARDS[uid]) if panel["type"] in kinds}
    assert shown == {title: pytest.approx(value, rel=0.0051, abs=0.000051) for title, value in told.items()}


def ask(panel: dict[str, Any], uid: str, run: TimeRange, url: str) -> float:
    (query,) = panel_queries(panel, default_variables(BOARDS[uid]), run, points=300)
    end = round(run.end * 1000) / 1000
    found = requests.get(f"{url}/api/v1/query", {"query": query.expr, "time": str(end)}, timeout=10).json()
    return float(found["data"]["result"][0]["value"][1])


def number(text: str) -> float:
    found = re.fullmatch(r"(-?[\d,.]+) ?(\D*)", text)
    assert found, text
    return float(found[1].replace(",", "")) * UNITS[found[2]]


@each_board
def test_a_saved_run_is_drawn_without_a_network_and_its_numbers_are_prometheuss(
    uid: str, saved: Path, run: TimeRange, stack: Stack, browser: Browser
) -> None:
    page = browser.look(f"file://{saved}#{uid}", WIDTH, HEIGHT, network=False)
    compare(drawn(page, uid), uid, run, stack.prometheus_url)
    assert read(page.html)[1] == "saved"


@each_board
@pytest.mark.usefixtures("run")
def test_the_live_page_is_drawn(uid: str, live: str, browser: Browser) -> None:
    page = browser.look(f"{live}/d/{uid}?from=now-5m&to=now", WIDTH, HEIGHT)
    drawn(page, uid)
    assert re.fullmatch(r"\d\d:\d\d:\d\d", read(page.html)[1])


def test_the_live_page_of_a_chosen_time_has_prometheuss_numbers(
    live: str, run: TimeRange, stack: Stack, browser: Browser
) -> None:
    uid = "pipeline-overview"
    page = browser.look(f"{live}/d/{uid}?from={round(run.start * 1000)}&to={round(run.end * 1000)}", WIDTH, HEIGHT)
    panels = drawn(page, uid)
    compare(panels, uid, run, stack.prometheus_url)
    assert {panel.title: panel.text for panel in panels}["Stored"] == f"{GOOD:,}"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda html: html.replace("DRAW[panel.type](panel", "DRAW[panel.typo](panel"),
        lambda html: html.replace('"queries": [{"ref"', '"queries": [], "was": [{"ref"', 1),
    ],
    ids=["a script that fails", "a panel without its data"],
)
def test_a_page_that_is_not_whole_is_noticed(
    spoil: Callable[[str], str], saved: Path, tmp_path: Path, browser: Browser
) -> None:
    whole, spoiled = saved.read_text(), tmp_path / "spoiled.html"
    spoiled.write_text(spoil(whole))
    assert spoiled.read_text() != whole
    page = browser.look(f"file://{spoiled}#pipeline-overview", WIDTH, HEIGHT, network=False)
    with pytest.raises(AssertionError):
        drawn(page, "pipeline-overview")

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from stack import board
from stack.board import BoardServer
from stack.board_page import DASHBOARDS, HERE, HOME, SCRIPTS, asset, load_dashboards, render_live, render_saved
from stack.board_queries import TimeRange, all_panels
from stack.board_source import PrometheusSource
from tests.unit.stack.prometheus_double import PrometheusDouble, serving

DASHBOARD: dict[str, Any] = {
    "uid": HOME,
    "title": "A </script> in a title",
    "templating": {"list": [{"name": "handler", "current": {"value": "all"}}]},
    "annotations": {"list": []},
    "panels": [{"id": 7, "type": "stat", "targets": [{"expr": 'x{h="$handler"}', "refId": "A", "instant": True}]}],
}
RANGE = {"from": "100000", "to": "110000"}


@pytest.fixture
def prometheus() -> Iterator[PrometheusDouble]:
    result = [{"metric": {}, "value": [110, "42"]}]
    server = PrometheusDouble({'x{h="all"}': result, 'x{h="one"}': []})
    with serving(server):
        yield server


@pytest.fixture
def address(prometheus: PrometheusDouble) -> Iterator[str]:
    server = BoardServer("127.0.0.1", 0, PrometheusSource(prometheus.url), {HOME: DASHBOARD})
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


def test_the_front_door_leads_to_the_overview(address: str) -> None:
    answer = requests.get(address, timeout=5)
    assert answer.url == f"{address}/d/{HOME}"
    assert answer.headers["Content-Type"].startswith("text/html")


def test_grafanas_links_open_the_same_page(address: str) -> None:
    for path in (f"/d/{HOME}", f"/d/{HOME}/pipeline-overview?from=1&to=2", f"/d/{HOME}?from=now-5m&to=now"):
        assert requests.get(address + path, timeout=5).status_code == 200


def test_health_answers_where_grafanas_does(address: str) -> None:
    assert requests.get(f"{address}/api/health", timeout=5).json()["database"] == "ok"


def test_a_panel_answers_with_the_dashboards_variables(address: str) -> None:
    answer = requests.get(f"{address}/api/panels/{HOME}/7", RANGE, timeout=5).json()
    assert answer["queries"][0]["series"][0]["values"] == [42]


def test_a_chosen_variable_takes_the_place_of_the_default(address: str) -> None:
    answer = requests.get(f"{address}/api/panels/{HOME}/7", {**RANGE, "var-handler": "one"}, timeout=5).json()
    assert answer["queries"][0]["series"] == []


def test_every_part_the_page_names_is_served(address: str) -> None:
    page = requests.get(address, timeout=5).text
    parts = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(parts) == len(SCRIPTS) + 1
    for part in parts:
        assert requests.get(address + part, timeout=5).status_code == 200


def test_the_page_asks_no_other_server() -> None:
    own = "".join((HERE / name).read_text() for name in ("board.html", "board.css", *SCRIPTS[1:]))
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", own) == []


@pytest.mark.parametrize(
    "path", ["/d/unknown", "/api/panels/x/1", f"/api/panels/{HOME}/99", "/static/board.py", "/static/../board.py"]
)
def test_what_is_not_there_is_404(address: str, path: str) -> None:
    assert requests.get(address + path, params=RANGE, timeout=5).status_code == 404


def test_a_range_that_cannot_be_read_is_400_and_says_why(address: str) -> None:
    answer = requests.get(f"{address}/api/panels/{HOME}/7", {"from": "then", "to": "now"}, timeout=5)
    assert (answer.status_code, answer.text) == (400, "no instant: 'then'; use epoch milliseconds, now or now-5m")


def test_a_prometheus_that_is_away_is_502(address: str, prometheus: PrometheusDouble) -> None:
    DASHBOARD["annotations"]["list"] = [{"expr": "refused", "enable": True, "titleFormat": "", "iconColor": "red"}]
    try:
        answer = requests.get(f"{address}/api/annotations/{HOME}", RANGE, timeout=5)
    finally:
        DASHBOARD["annotations"]["list"] = []
    assert answer.status_code == 502


def test_a_saved_page_holds_its_data_and_its_scripts(prometheus: PrometheusDouble) -> None:
    page = render_saved({HOME: DASHBOARD}, PrometheusSource(prometheus.url), TimeRange(100, 110))
    assert "/static/" not in page
    (line,) = re.findall(r"<script>const BOARD = (.+);</script>", page)
    saved = json.loads(line)["saved"]
    assert saved["from"] == 100_000
    assert saved["answers"][HOME]["7"]["queries"][0]["series"][0]["values"] == [42]


def test_a_dashboards_text_cannot_end_the_script() -> None:
    page = render_live({HOME: DASHBOARD})
    assert "A </script>" not in page
    assert "A <\\/script>" in page


def test_every_kind_of_panel_in_our_dashboards_can_be_drawn() -> None:
    kinds = {panel["type"] for dashboard in load_dashboards(DASHBOARDS).values() for panel in all_panels(dashboard)}
    (drawn,) = re.findall(r"const DRAW = \{(.+?)\};", asset("board_charts.js")[1].decode(), re.DOTALL)
    assert kinds - {"row"} <= set(re.findall(r'"?([\w-]+)"?: draw', drawn))


def test_every_unit_in_our_dashboards_can_be_written() -> None:
    panels = [panel for dashboard in load_dashboards(DASHBOARDS).values() for panel in all_panels(dashboard)]
    units = {panel["fieldConfig"]["defaults"]["unit"] for panel in panels if panel.get("targets")}
    (written,) = re.findall(r"const UNITS = \{(.+?)\n\};", asset("board_format.js")[1].decode(), re.DOTALL)
    assert units <= set(re.findall(r"^  (\w+):", written, re.MULTILINE))


def test_the_home_comes_first() -> None:
    assert next(iter(load_dashboards(DASHBOARDS))) == HOME


def test_a_folder_without_dashboards_says_how_to_make_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["board", "--dashboards", str(tmp_path)])
    assert board.main() == 1
    assert "python -m grafana.dashboards" in " ".join(capsys.readouterr().out.split())


def test_a_port_that_is_taken_is_an_error_of_one_line(
    prometheus: PrometheusDouble, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["board", "--port", str(prometheus.server_port)])
    assert board.main() == 1
    assert "in use" in capsys.readouterr().out


def test_a_run_is_saved_to_a_file(
    tmp_path: Path, prometheus: PrometheusDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = tmp_path / "dashboards", tmp_path / "run.html"
    folder.mkdir()
    (folder / "overview.json").write_text(json.dumps(DASHBOARD))
    words = ["--dashboards", str(folder), "--prometheus", prometheus.url, "--save", str(file), "--from", "now-1m"]
    monkeypatch.setattr("sys.argv", ["board", *words])
    assert board.main() == 0
    assert "const BOARD" in file.read_text()

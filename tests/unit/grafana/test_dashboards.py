"""What is committed is what the code renders, and every panel keeps the manners of the house."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.signals import EXEMPLAR, EXEMPLARS
from grafana.dashboards import DASHBOARDS, FOLDER, differing, main, render
from stack.board_queries import all_panels
from tests.promql import panel_expressions, uses

BOARDS = {name: json.loads(render(build)) for name, build in DASHBOARDS.items()}
PANELS = [(board["uid"], panel) for board in BOARDS.values() for panel in all_panels(board) if panel["type"] != "row"]
ASKING = [(uid, panel) for uid, panel in PANELS if panel["type"] != "text"]
QUERIES = [(board["uid"], place, expr) for board in BOARDS.values() for place, expr in panel_expressions(board).items()]
RANGE_READERS = {"rate", "increase", "changes", "max_over_time", "min_over_time", "last_over_time", "deriv"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

each_panel = pytest.mark.parametrize(("uid", "panel"), ASKING, ids=[f"{uid}-{panel['title']}" for uid, panel in ASKING])
each_query = pytest.mark.parametrize(("uid", "place", "expr"), QUERIES, ids=[f"{u}-{p}" for u, p, _ in QUERIES])


def test_the_committed_files_are_what_the_code_renders() -> None:
    assert differing() == []


def test_no_other_dashboard_is_provisioned() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(DASHBOARDS)


def test_a_file_that_differs_or_is_missing_is_named(tmp_path: Path) -> None:
    for name, build in DASHBOARDS.items():
        (tmp_path / f"{name}.json").write_text(render(build))
    (tmp_path / "lag.json").write_text("{}")
    (tmp_path / "slo.json").unlink()
    assert differing(tmp_path) == [tmp_path / "lag.json", tmp_path / "slo.json"]


def test_the_check_passes_on_what_is_committed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["dashboards", "--check"])
    assert main() == 0
    assert "up to date" in capsys.readouterr().out


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_opens_without_waiting_for_anything(name: str) -> None:
    board = BOARDS[name]
    assert board.get("id") is None
    assert "__inputs" not in board
    assert board["editable"] is False
    assert board["time"] == {"from": "now-5m", "to": "now"}
    for variable in board["templating"]["list"]:
        assert variable["type"] in {"datasource", "custom"}
        assert variable["current"]["value"]


@pytest.mark.parametrize("name", BOARDS)
def test_links_keep_the_time_range(name: str) -> None:
    (link,) = BOARDS[name]["links"]
    assert link["keepTime"] is True
    assert set(link["tags"]) <= set(BOARDS[name]["tags"])


def test_uids_and_titles_are_unique() -> None:
    for field in ("uid", "title"):
        assert len({board[field] for board in BOARDS.values()}) == len(BOARDS)


@pytest.mark.parametrize("name", BOARDS)
def test_panels_have_ids_of_their_own_and_do_not_overlap(name: str) -> None:
    panels = list(all_panels(BOARDS[name]))
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [cell for panel in panels for cell in _cells(panel["gridPos"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def _cells(place: dict[str, int]) -> list[tuple[int, int]]:
    return [(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])]


@each_panel
def test_a_panel_says_what_it_shows_how_and_what_to_do(uid: str, panel: dict[str, Any]) -> None:
    what, red, formula = panel["description"].split("\n\n")
    assert what.endswith(".")
    assert red.startswith("**When it is red:** ")
    assert red.endswith(".")
    assert all(target["expr"] in formula for target in panel["targets"])


@each_panel
def test_a_panel_has_unit_thresholds_and_the_data_source_of_the_dashboard(uid: str, panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    assert defaults["thresholds"]["steps"]
    assert panel["datasource"] == SOURCE
    assert all(target["datasource"] == SOURCE for target in panel["targets"])


@each_panel
def test_every_series_has_a_name(uid: str, panel: dict[str, Any]) -> None:
    assert all(target["legendFormat"] for target in panel["targets"])
    names = [target["legendFormat"] for target in panel["targets"]]
    assert len(set(names)) == len(names)


@each_panel
def test_colours_by_name_are_for_series_that_exist(uid: str, panel: dict[str, Any]) -> None:
    names = {target["legendFormat"] for target in panel["targets"]}
    columns = {
        name for step in panel.get("transformations", ()) for name in step["options"].get("renameByName", {}).values()
    }
    assert {rule["matcher"]["options"] for rule in panel["fieldConfig"]["overrides"]} <= names | columns


@each_panel
def test_no_panel_lives_on_the_simulator_alone(uid: str, panel: dict[str, Any]) -> None:
    read = {use.metric for target in panel["targets"] for use in uses(_filled(target["expr"]))}
    assert any(not metric.startswith("simulator_") for metric in read)


def _filled(expr: str) -> str:
    return expr.replace("$__rate_interval", "8s").replace("$__range", "5m")


@each_query
def test_counters_are_read_as_what_they_grew_by(uid: str, place: str, expr: str) -> None:
    for use in uses(expr):
        if use.metric.endswith(("_total", "_bucket", "_count", "_sum")) and ":" not in use.metric:
            assert set(use.around) & RANGE_READERS or _only_for_its_labels(use.metric, expr), use


def _only_for_its_labels(metric: str, expr: str) -> bool:
    """`0 * sum by (stage) (x_sum)`: the counter gives names to zeros."""
    return f"0 * sum by (stage) ({metric})" in expr


@each_query
def test_rates_are_taken_of_counters_and_of_offsets_only(uid: str, place: str, expr: str) -> None:
    for use in uses(expr):
        if set(use.around) & {"rate", "increase"}:
            counts = use.metric.endswith(("_total", "_bucket", "_count", "_sum", ":total"))
            assert counts or use.metric in {"kafka_topic_partition_current_offset", "partition:position:effective"}


@each_query
def test_nothing_of_the_dashboard_is_left_to_fill_in(uid: str, place: str, expr: str) -> None:
    assert "$_" not in expr
    assert "$handler" not in expr


def test_lines_and_heat_of_histograms_with_exemplars_show_them() -> None:
    targets = [(panel["type"], target) for _, panel in ASKING for target in panel["targets"]]
    shown = {kind for kind, target in targets if target.get("exemplar")}
    missing = [
        target["expr"]
        for kind, target in targets
        if kind in ("timeseries", "heatmap")
        and any(f"{name}_bucket" in target["expr"] for name in EXEMPLARS)
        and not target.get("exemplar")
    ]
    assert shown == {"timeseries", "heatmap"}
    assert missing == []


def test_an_exemplar_links_to_where_its_event_is() -> None:
    text = (FOLDER.parent / "provisioning" / "datasources" / "prometheus.yml").read_text()
    (source,) = yaml.safe_load(text)["datasources"]
    (link,) = source["jsonData"]["exemplarTraceIdDestinations"]
    assert link["name"] == EXEMPLAR
    # Grafana replaces $NAMES in this file, and makes one dollar sign of two.
    assert link["url"] == "http://127.0.0.1:8000/events/$${__value.raw}"

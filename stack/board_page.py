"""Puts the page together: live, with its parts served apart, or as one file with all data in it."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from plotly.offline import get_plotlyjs

from stack.board_queries import Dashboard, TimeRange, default_variables
from stack.board_source import PrometheusSource

HERE: Final = Path(__file__).parent
DASHBOARDS: Final = HERE.parent / "grafana" / "dashboards"
HOME: Final = "pipeline-overview"
STYLE: Final = "board.css"
SCRIPTS: Final = ("plotly.min.js", "board_format.js", "board_draw.js", "board_charts.js", "board.js")


def load_dashboards(folder: Path) -> dict[str, Dashboard]:
    """The dashboards of a folder by uid, the home first. Raises FileNotFoundError when there is none."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    if not found:
        raise FileNotFoundError(f"no dashboards in {folder}; render them: python -m grafana.dashboards")
    order = sorted(found, key=lambda dashboard: (dashboard["uid"] != HOME, dashboard["uid"]))
    return {dashboard["uid"]: dashboard for dashboard in order}


@cache
def asset(name: str) -> tuple[str, bytes]:
    """A part of the page as content type and bytes. Raises LookupError for a name that is none."""
    if name == STYLE:
        return "text/css", (HERE / name).read_bytes()
    if name not in SCRIPTS:
        raise LookupError(name)
    script = get_plotlyjs().encode() if name == SCRIPTS[0] else (HERE / name).read_bytes()
    return "text/javascript", script


def render_live(dashboards: dict[str, Dashboard]) -> str:
    links = "\n".join(f'<script src="/static/{name}"></script>' for name in SCRIPTS)
    return _page(f'<link rel="stylesheet" href="/static/{STYLE}">', links, {"dashboards": dashboards})


def render_saved(dashboards: dict[str, Dashboard], source: PrometheusSource, shown: TimeRange) -> str:
    """One page that needs neither Prometheus nor a network; some megabytes, most of them Plotly's script."""
    saved = {
        "from": round(shown.start * 1000),
        "to": round(shown.end * 1000),
        "answers": {
            uid: source.everything(dashboard, default_variables(dashboard), shown)
            for uid, dashboard in dashboards.items()
        },
        "annotations": {uid: source.annotations(dashboard, shown) for uid, dashboard in dashboards.items()},
    }
    scripts = "\n".join(f"<script>{asset(name)[1].decode()}</script>" for name in SCRIPTS)
    return _page(f"<style>{asset(STYLE)[1].decode()}</style>", scripts, {"dashboards": dashboards, "saved": saved})


def _page(styles: str, scripts: str, board: dict[str, Any]) -> str:
    # "</" would end the script element; in JSON a slash may be escaped.
    data = json.dumps({"home": HOME, **board}).replace("</", "<\\/")
    page = (HERE / "board.html").read_text().replace("<!-- styles -->", styles)
    return page.replace("<!-- scripts -->", f"<script>const BOARD = {data};</script>\n{scripts}")

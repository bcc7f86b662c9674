"""Renders the dashboards to the JSON that is committed: `python -m grafana.dashboards`, or with `--check` compares."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from rich.console import Console

from grafana.lag import lag
from grafana.ledger import ledger
from grafana.objectives import objectives
from grafana.overview import overview
from grafana.trust import trust

FOLDER: Final = Path(__file__).with_suffix("")
DASHBOARDS: Final[dict[str, Callable[[], Dashboard]]] = {
    "overview": overview,
    "lag": lag,
    "ledger": ledger,
    "slo": objectives,
    "trust": trust,
}


def render(build: Callable[[], Dashboard]) -> str:
    """One dashboard as Grafana reads it; the same bytes every time."""
    dashboard = build().build()
    for number, panel in enumerate(dashboard.panels or (), start=1):  # links to a panel name its id
        panel.id_val = number
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(dashboard) + "\n"


def differing(folder: Path = FOLDER) -> list[Path]:
    """Files that are not what the code renders."""
    texts = {folder / f"{name}.json": render(build) for name, build in DASHBOARDS.items()}
    return [path for path, text in texts.items() if not path.exists() or path.read_text() != text]


def main() -> int:
    parser = ArgumentParser("python -m grafana.dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a file is out of date")
    check = parser.parse_args().check
    console = Console()
    stale = differing()
    for path in stale:
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(render(DASHBOARDS[path.stem]))
        console.print(f"{'out of date' if check else 'written'}: {path.relative_to(FOLDER.parent.parent)}")
    if not stale:
        console.print(f"{len(DASHBOARDS)} dashboards are up to date")
    elif check:
        console.print("Run `python -m grafana.dashboards` and commit the result.")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())

"""Photographs the dashboards after a run, for the README and docs/dashboards.md.

    make demo && .venv/bin/python -m docs.pictures [--url http://127.0.0.1:3000] [--from now-3m]

Needs Chromium on the PATH (Debian's package is called so), and Grafana or the board at the address.
"""

import shutil
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory

_IMAGES = Path(__file__).with_name("images")
_PAGES = {
    "overview": ("pipeline-overview", 1750),
    "lag": ("pipeline-lag", 1500),
    "ledger": ("pipeline-ledger", 1300),
    "objectives": ("pipeline-slo", 1200),
    "trust": ("pipeline-trust", 1500),
}  # file name: dashboard, height in pixels
_WIDTH = 1440
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=15000",  # milliseconds the page may draw before its picture is taken
)


def photograph(browser: str, address: str, target: Path, height: int) -> None:
    """Raises CalledProcessError when the browser fails."""
    with TemporaryDirectory() as profile:
        subprocess.run(  # noqa: S603  the browser that was found on the PATH
            [
                browser,
                *_FLAGS,
                f"--user-data-dir={profile}",
                f"--window-size={_WIDTH},{height}",
                f"--screenshot={target}",
                address,
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )


def main() -> int:
    parser = ArgumentParser(prog="python -m docs.pictures", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--url", default="http://127.0.0.1:3000", help="Grafana or the board")
    parser.add_argument("--from", dest="begin", default="now-3m", help="begin of the time range")
    arguments = parser.parse_args()
    browser = shutil.which("chromium")
    if browser is None:
        sys.stderr.write("There is no chromium on the PATH; on Debian: apt-get install chromium\n")
        return 2
    _IMAGES.mkdir(exist_ok=True)
    for name, (dashboard, height) in _PAGES.items():
        target = _IMAGES / f"{name}.png"
        photograph(browser, f"{arguments.url}/d/{dashboard}?from={arguments.begin}&to=now", target, height)
        sys.stdout.write(f"{target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

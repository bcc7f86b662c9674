"""Photographs the dashboards after a run, for the README and docs/dashboards.md.

    make demo && .venv/bin/python -m docs.pictures [--url http://127.0.0.1:3000] [--from now-3m]

Needs Chromium on the PATH (Debian's package is called so), and Grafana or the board at the address.
"""

import sys
from argparse import ArgumentParser
from pathlib import Path

from docs.browser import Browser, BrowserMissing

_IMAGES = Path(__file__).with_name("images")
_PAGES = {
    "overview": ("pipeline-overview", 1750),
    "lag": ("pipeline-lag", 1500),
    "ledger": ("pipeline-ledger", 1300),
    "objectives": ("pipeline-slo", 1200),
    "trust": ("pipeline-trust", 1500),
}  # file name: dashboard, height in pixels
_WIDTH = 1440


def main() -> int:
    parser = ArgumentParser(prog="python -m docs.pictures", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--url", default="http://127.0.0.1:3000", help="Grafana or the board")
    parser.add_argument("--from", dest="begin", default="now-3m", help="begin of the time range")
    arguments = parser.parse_args()
    try:
        browser = Browser()
    except BrowserMissing as error:
        sys.stderr.write(f"{error}\n")
        return 2
    _IMAGES.mkdir(exist_ok=True)
    for name, (dashboard, height) in _PAGES.items():
        target = _IMAGES / f"{name}.png"
        address = f"{arguments.url}/d/{dashboard}?from={arguments.begin}&to=now"
        browser.photograph(address, target, _WIDTH, height)
        sys.stdout.write(f"{target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

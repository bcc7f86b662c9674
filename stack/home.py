"""Where the stack keeps its files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
"""The checkout."""

CACHE: Final = ROOT / ".stack" / "cache"
"""Downloaded programs, shared by every stack of this checkout."""


@dataclass(frozen=True)
class Home:
    """The folder of one stack; everything it writes lies below."""

    root: Path = ROOT / ".stack"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def state(self) -> Path:
        """What runs, written by the process that runs it."""
        return self.root / "state.json"

    @property
    def orders(self) -> Path:
        """What a drill asks of the process that runs it."""
        return self.root / "orders.json"

    def log(self, service: str) -> Path:
        return self.logs / f"{service}.log"

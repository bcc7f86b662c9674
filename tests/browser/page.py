"""What a reader sees on a page of the board, taken from its HTML."""

from collections import Counter
from collections.abc import Iterable
from html.parser import HTMLParser

_VOID = {"meta", "link", "input", "br", "img", "hr"}


class Panel:
    """A panel as it is drawn: how many elements of each class it has, and its text."""

    def __init__(self, kind: str) -> None:
        self.kind, self.title = kind, ""
        self.classes: Counter[str] = Counter()
        self.words: list[str] = []

    @property
    def drawn(self) -> bool:
        """Whether it shows what panels of its kind show, and not that there is nothing to show."""
        return "empty" not in self.classes and "unknown" not in self.classes and self._has_its_own

    @property
    def _has_its_own(self) -> bool:
        match self.kind:
            case "timeseries":
                return self.classes["main-svg"] > 0 and self.classes["trace"] == self.classes["<li>"] > 0
            case "heatmap":
                return self.classes["main-svg"] > 0 and self.classes["hm"] > 0
            case "state-timeline":
                return self.classes["timeline"] == 1 and self.classes["<i>"] > 0
            case "table":
                return self.classes["<td>"] > 0
            case "gauge":
                return self.classes["gauge"] == 1 and bool(self.text)
            case "bargauge":
                return self.classes["bars"] == 1 and self.classes["<i>"] > 0
            case "text":
                return self.classes["prose"] == 1 and bool(self.text)
            case _:
                return self.classes["stat"] == 1 and bool(self.text)

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def __repr__(self) -> str:
        return f"{self.title} ({self.kind}): {self.text[:80]!r} {dict(self.classes)}"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.panels: list[Panel] = []
        self.status = ""
        self._open: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        classes = (attributes.get("class") or "").split()
        if tag == "section":
            self.panels.append(Panel(classes[1].removesuffix("-panel")))
        elif self._inside("section"):
            self.panels[-1].classes.update([*classes, f"<{tag}>"])
        if tag not in _VOID:
            self._open.append((tag, attributes.get("id") or ""))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        text = data.strip()
        if not text or self._inside("script"):
            return
        if self._open and self._open[-1][1] == "status":
            self.status = text
        elif self._inside("h2"):
            self.panels[-1].title = self.panels[-1].title or text
        elif self._inside("section"):
            self.panels[-1].words.append(text)

    def _inside(self, tag: str) -> bool:
        return any(name == tag for name, _ in self._open)


def read(html: str) -> tuple[list[Panel], str]:
    """The panels in their order, and what the page says of its data."""
    reader = _Reader()
    reader.feed(html)
    return reader.panels, reader.status

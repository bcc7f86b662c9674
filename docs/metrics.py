"""Renders docs/metrics.md from the registries and the rules: python -m docs.metrics [--check]."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from api.metrics import ApiMetrics
from traffic.metrics import TrafficMetrics
from worker.metrics import WorkerMetrics

_PAGE = Path(__file__).with_name("metrics.md")
_RULES = Path(__file__).parents[1] / "prometheus" / "rules"
_HEAD = """# Metrics, signals and alerts

Names, labels and meanings; all of them are part of the interface, and dashboards, rules and tests hold on to them.
Every label has a fixed set of values, none of them a client's choice. Their series exist from the start at 0, but for
those of the gateway's routes other than `/register_event` and `/register_events`. Every process also exposes the Python
client's `process_*` and `python_*` series and `pipeline_build_info` with its service, version and revision.

<!-- Rendered by `python -m docs.metrics`; a test compares. -->
"""
_PROCESSES = (
    ("Gateway, port 9101", ApiMetrics),
    ("Worker, port 9102", WorkerMetrics),
    ("Simulator, port 9103", TrafficMetrics),
)
_SIGNALS = """
## Recorded signals

Each derived number is computed once, in `prometheus/rules/signals.yml`, where comments give the reasons; dashboards and
alerts read these names. `partition:` signals have the labels consumergroup, topic and partition, `group:` signals
consumergroup and topic, `pipeline:` signals none.
"""
_ALERTS = """
## Alerts

From `prometheus/rules/alerts.yml`; each has a page that tells what it means and what to do.
"""


def render() -> str:
    processes = "".join(f"\n## {title}\n\n" + "\n".join(_table(build)) + "\n" for title, build in _PROCESSES)
    signals, alerts = "\n".join(_signals()), "\n".join(_alerts())
    return f"{_HEAD}{processes}{_SIGNALS}\n{signals}\n{_ALERTS}\n{alerts}\n"


def _table(build: type[ApiMetrics] | type[WorkerMetrics] | type[TrafficMetrics]) -> Iterator[str]:
    yield "| name | type | labels | meaning |"
    yield "|---|---|---|---|"
    metrics = build(CollectorRegistry())
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.collect()
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = ", ".join(f"`{label}`{_values(metric, label)}" for label in metric._labelnames)
            yield f"| `{name}` | {family.type} | {labels} | {family.documentation} |"


def _values(metric: MetricWrapperBase, label: str) -> str:
    (family,) = metric.collect()
    values = dict.fromkeys(sample.labels[label] for sample in family.samples)
    return f" ({', '.join(values)})" if values else ""


def _signals() -> Iterator[str]:
    """Each recording rule with the comment right above it."""
    yield "| signal | meaning |"
    yield "|---|---|"
    comment: list[str] = []
    for line in map(str.strip, (_RULES / "signals.yml").read_text().splitlines()):
        if line.startswith("- record:"):
            yield f"| `{line.removeprefix('- record: ')}` | {' '.join(comment)} |"
        comment = [*comment, line.removeprefix("# ")] if line.startswith("#") else []


def _alerts() -> Iterator[str]:
    yield "| alert | severity | after | what it says |"
    yield "|---|---|---|---|"
    for group in yaml.safe_load((_RULES / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            name, waits = rule["alert"], rule.get("for", "at once")
            says = _spoken(rule["annotations"]["summary"])
            yield f"| [{name}](runbooks/{name}.md) | {rule['labels']['severity']} | {waits} | {says} |"


def _spoken(template: str) -> str:
    """An alert's words without its template: N for the number, a label's name for its value."""
    return re.sub(r"\{\{ \$labels\.(\w+) \}\}", r"*\1*", re.sub(r"\{\{ \$value[^}]*\}\}", "N", template))


def main() -> int:
    if "--check" in sys.argv[1:]:
        if _PAGE.exists() and _PAGE.read_text() == render():
            return 0
        sys.stderr.write(f"{_PAGE.name} is not current: run python -m docs.metrics\n")
        return 1
    _PAGE.write_text(render())
    return 0


if __name__ == "__main__":
    sys.exit(main())

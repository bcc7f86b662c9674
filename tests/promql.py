"""PromQL as a tree, for tests that ask what a query reads."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import promql_parser
import yaml

from stack.board_queries import TimeRange, all_panels, default_variables, panel_queries

ROOT = Path(__file__).parents[1]
RULES = ROOT / "prometheus" / "rules"
_CHILDREN = ("lhs", "rhs", "expr", "vector_selector", "param")
_SHOWN = TimeRange(0, 300)


class Use(NamedTuple):
    """A metric in a query and the functions and aggregations around it, the nearest first."""

    metric: str
    around: tuple[str, ...]


def uses(query: str) -> Iterator[Use]:
    """Every selector of a query. Raises ValueError when it is no PromQL."""
    yield from _walk(promql_parser.parse(query), ())


def metrics(query: str) -> set[str]:
    return {use.metric for use in uses(query)}


def _walk(node: Any, around: tuple[str, ...]) -> Iterator[Use]:
    if isinstance(node, promql_parser.VectorSelector):
        yield Use(node.name or "", around)
        return
    if isinstance(node, promql_parser.Call):
        around = (node.func.name, *around)
    elif isinstance(node, promql_parser.AggregateExpr):
        around = (str(node.op), *around)
    children = [getattr(node, name, None) for name in _CHILDREN] + list(getattr(node, "args", ()))
    for child in children:
        if type(child).__module__ == promql_parser.VectorSelector.__module__:
            yield from _walk(child, around)


@cache
def rules() -> list[dict[str, Any]]:
    """Every rule of every file, recording rules and alerts."""
    files = [yaml.safe_load(path.read_text()) for path in sorted(RULES.glob("*.yml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def panel_expressions(dashboard: dict[str, Any]) -> dict[str, str]:
    """Every query of a dashboard as Prometheus would get it, by panel and letter; the annotations' too."""
    variables = default_variables(dashboard)
    found = {
        f"{panel['title']}/{query.ref}": query.expr
        for panel in all_panels(dashboard)
        for query in panel_queries(panel, variables, _SHOWN, points=150)
    }
    marks = {f"annotation {entry['name']}": entry["expr"] for entry in dashboard["annotations"]["list"]}
    return found | marks

"""Asks Prometheus for what a panel shows and lays the answer out on one time axis."""

from concurrent.futures import ThreadPoolExecutor
from math import isfinite
from typing import Any

import requests

from stack.board_queries import Dashboard, Panel, Query, TimeRange, all_panels, panel_queries, series_name, step_for

Answer = dict[str, Any]
"""As JSON: queries, each with ``ref``, ``times`` in milliseconds and ``series`` (name, labels, values); or an error."""

POINTS = 300
"""Points of a line when the page does not say how wide it is."""


class PrometheusSource:
    """Reads Prometheus's HTTP API. ``url`` has no trailing slash."""

    def __init__(self, url: str, timeout_seconds: float = 10) -> None:
        self._url = url
        self._timeout = timeout_seconds

    def panel(self, panel: Panel, variables: dict[str, str], shown: TimeRange, points: int = POINTS) -> Answer:
        """All queries of a panel. A refusal becomes the answer's ``error``, because the page has to show it."""
        try:
            queries = panel_queries(panel, variables, shown, points)
            return {"queries": [self._ask(query, shown) for query in queries]}
        except (requests.RequestException, LookupError) as error:
            return {"queries": [], "error": str(error)}

    def annotations(self, dashboard: Dashboard, shown: TimeRange) -> list[dict[str, Any]]:
        """When the dashboard's marks were set, one entry a mark and stretch of time."""
        marks = []
        step = step_for(shown, POINTS)
        for entry in dashboard["annotations"]["list"]:
            if "expr" not in entry or not entry["enable"]:
                continue
            answer = self._ask(Query(entry["expr"], entry["titleFormat"], step, "A"), shown)
            for series in answer["series"]:
                starts = _starts(answer["times"], series["values"])
                marks += [{"time": t, "text": series["name"], "color": entry["iconColor"]} for t in starts]
        return marks

    def everything(self, dashboard: Dashboard, variables: dict[str, str], shown: TimeRange) -> dict[str, Answer]:
        """Every panel's answer by the panel's id."""
        asking = [panel for panel in all_panels(dashboard) if panel.get("targets")]
        with ThreadPoolExecutor(4) as pool:
            answers = pool.map(lambda panel: self.panel(panel, variables, shown), asking)
            return {str(panel["id"]): answer for panel, answer in zip(asking, answers, strict=True)}

    def _ask(self, query: Query, shown: TimeRange) -> Answer:
        if not query.step:
            times = [shown.end]
            found = self._get("query", {"query": query.expr, "time": shown.end})
        else:
            first, last = (int(edge // query.step) * query.step for edge in (shown.start, shown.end))
            times = [float(moment) for moment in range(first, last + 1, query.step)]
            span = {"start": first, "end": last, "step": query.step}
            found = self._get("query_range", {"query": query.expr, **span})
        series = [_laid_out(query, one, times) for one in found]
        return {"ref": query.ref, "times": [round(moment * 1000) for moment in times], "series": series}

    def _get(self, path: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        response = requests.post(f"{self._url}/api/v1/{path}", data=parameters, timeout=self._timeout)
        document = response.json()
        if document["status"] != "success":
            raise requests.HTTPError(f"Prometheus refused {parameters['query']}: {document['error']}")
        found: list[dict[str, Any]] = document["data"]["result"]
        return found


def _laid_out(query: Query, found: dict[str, Any], times: list[float]) -> dict[str, Any]:
    """One value a time, None where there is none, so that a gap is drawn as a gap."""
    if "value" in found:
        values: list[float | None] = [float(found["value"][1])]
    else:
        samples = {round(t): float(value) for t, value in found["values"]}
        values = [samples.get(round(moment)) for moment in times]
    labels = {name: value for name, value in found["metric"].items() if name != "__name__"}
    shown = [value if value is not None and isfinite(value) else None for value in values]
    return {"name": series_name(query.legend, labels), "labels": labels, "values": shown}


def _starts(times: list[int], values: list[float | None]) -> list[int]:
    """The first moment of each stretch with values."""
    before = [None, *values[:-1]]
    return [t for t, earlier, now in zip(times, before, values, strict=True) if now is not None and earlier is None]

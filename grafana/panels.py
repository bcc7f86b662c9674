"""The kinds of panel the dashboards are made of: one function a kind, the same look and manners for all of them.

A panel says what it shows and what to do when it is red; its queries are added to that text, so the formula a reader
sees is the one that runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    gauge,
    heatmap,
    stat,
    statetimeline,
    table,
    text,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as grafana
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

from contract.signals import EXEMPLARS, SCRAPE_INTERVAL_SECONDS

SOURCE: Final = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
MIN_INTERVAL: Final = f"{SCRAPE_INTERVAL_SECONDS}s"
RATE: Final = "[$__rate_interval]"

Steps: TypeAlias = Sequence[tuple[float, str]]
"""Where the colour changes: from this value on, this colour; green before the first, blue when there is none."""

P = TypeVar(
    "P", stat.Panel, timeseries.Panel, heatmap.Panel, statetimeline.Panel, gauge.Panel, bargauge.Panel, table.Panel
)


@dataclass(frozen=True)
class Query:
    """A query and how its series are drawn. ``colour`` and ``dashed`` hold for a query that yields one series."""

    expr: str
    legend: str
    colour: str | None = None
    dashed: bool = False


@dataclass(frozen=True)
class Story:
    """What a panel shows, and what to do when it is red; both in whole sentences."""

    what: str
    red: str


def stat_panel(title: str, query: Query, story: Story, unit: str, steps: Steps, empty: str = "no data") -> stat.Panel:
    """One number as of the range's end. ``empty`` is shown, uncoloured, when the source says nothing."""
    panel = stat.Panel().graph_mode(looks.BigValueGraphMode.NONE).color_mode(looks.BigValueColorMode.BACKGROUND)
    panel.reduce_options(_last()).no_value(empty)
    return _dressed(panel, title, [query], story, unit, steps, instant=True)


def gauge_panel(title: str, query: Query, story: Story, unit: str, steps: Steps, empty: str = "no data") -> gauge.Panel:
    """A share of a whole, 0 to 1."""
    panel = gauge.Panel().reduce_options(_last()).no_value(empty).min(0).max(1).decimals(2)
    return _dressed(panel, title, [query], story, unit, steps, instant=True)


def bars_panel(title: str, queries: Sequence[Query], story: Story, unit: str) -> bargauge.Panel:
    """Numbers side by side, as lengths."""
    panel = bargauge.Panel().orientation(looks.VizOrientation.HORIZONTAL).reduce_options(_last()).min(0)
    panel.display_mode(looks.BarGaugeDisplayMode.BASIC).value_mode(looks.BarGaugeValueMode.TEXT)
    return _coloured(_dressed(panel, title, queries, story, unit, (), instant=True), queries)


def lines_panel(
    title: str, queries: Sequence[Query], story: Story, unit: str, steps: Steps = (), stacked: bool = False
) -> timeseries.Panel:
    """Lines over time from 0 up; ``steps`` are drawn as dashed lines."""
    alone = len(queries) == 1 and "{{" not in queries[0].legend
    fill = 60 if stacked else 10 if alone else 0
    panel = timeseries.Panel().line_width(2).fill_opacity(fill).show_points(looks.VisibilityMode.NEVER)
    panel.axis_soft_min(0).axis_border_show(False).legend(_legend()).tooltip(_tooltip())
    if stacked:
        panel.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL))
    if steps:
        style = common.GraphThresholdsStyleConfig().mode(looks.GraphThresholdsStyleMode.DASHED)
        panel.thresholds_style(style)
    return _coloured(_dressed(panel, title, queries, story, unit, steps), queries)


def counts_panel(title: str, queries: Sequence[Query], story: Story, unit: str) -> timeseries.Panel:
    """Bars over time for what should be rare: a single one must stay visible, so nothing is smoothed."""
    panel = timeseries.Panel().draw_style(looks.GraphDrawStyle.BARS).fill_opacity(70).line_width(1)
    panel.axis_soft_min(0).axis_soft_max(1).legend(_legend()).tooltip(_tooltip())
    panel.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL))
    return _coloured(_dressed(panel, title, queries, story, unit, ()), queries)


def heat_panel(title: str, query: Query, story: Story, unit: str) -> heatmap.Panel:
    """A histogram over time; the query yields one series a bucket."""
    colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Turbo").steps(64)
    panel = heatmap.Panel().color(colours.scale(HeatmapColorScale.EXPONENTIAL).exponent(0.5)).calculate(False)
    panel.y_axis(heatmap.YAxisConfig().unit(unit)).cell_gap(1).show_legend().mode(looks.TooltipDisplayMode.SINGLE)
    return _dressed(panel, title, [query], story, unit, (), heat=True)


def timeline_panel(
    title: str, query: Query, story: Story, states: Mapping[int, tuple[str, str]]
) -> statetimeline.Panel:
    """One coloured band a series; ``states`` gives a value's word and colour."""
    panel = statetimeline.Panel().mappings([_mapping(states)]).show_value(looks.VisibilityMode.AUTO).row_height(0.85)
    panel.legend(_legend()).tooltip(_tooltip()).merge_values(True).fill_opacity(85).line_width(0)
    return _dressed(panel, title, [query], story, "none", ())


def table_panel(
    title: str,
    queries: Mapping[str, Query],
    story: Story,
    unit: str,
    states: Mapping[int, tuple[str, str]] | None = None,
) -> table.Panel:
    """Queries side by side, joined by their common labels; the keys head the columns, the last may hold states."""
    panel = table.Panel().cell_height(looks.TableCellHeight.SM).filterable(False)
    _dressed(panel, title, list(queries.values()), story, unit, (), instant=True, rows=True)
    names = {f"Value #{_letter(index)}": name for index, name in enumerate(queries)}
    if len(queries) == 1:
        names["Value"] = next(iter(queries))  # Grafana numbers the columns only where there are several
    panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(
        model.DataTransformerConfig("organize", options={"excludeByName": {"Time": True}, "renameByName": names})
    )
    if states:
        cell = {"type": "color-background"}
        properties = [("mappings", [_mapping(states)]), ("custom.cellOptions", cell)]
        panel.override_by_name(list(queries)[-1], [model.DynamicConfigValue(name, value) for name, value in properties])
    return panel


def text_panel(title: str, content: str) -> text.Panel:
    return text.Panel().title(title).mode(TextMode.MARKDOWN).content(content).description(title)


def _dressed(
    panel: P,
    title: str,
    queries: Sequence[Query],
    story: Story,
    unit: str,
    steps: Steps,
    *,
    instant: bool = False,
    heat: bool = False,
    rows: bool = False,
) -> P:
    """What all kinds share: title, text, unit, thresholds, source and queries."""
    shape = PromQueryFormat.HEATMAP if heat else PromQueryFormat.TABLE if rows else PromQueryFormat.TIME_SERIES
    panel.title(title).description(_description(queries, story)).unit(unit).datasource(SOURCE).interval(MIN_INTERVAL)
    panel.thresholds(_thresholds(steps)).color_scheme(_scheme(panel))
    for index, query in enumerate(queries):
        target = Dataquery().expr(query.expr).legend_format(query.legend).ref_id(_letter(index)).datasource(SOURCE)
        if not instant and _has_exemplars(query):
            target.exemplar(True)
        panel.with_target((target.instant() if instant else target.range()).format(shape))
    return panel


def _has_exemplars(query: Query) -> bool:
    return any(f"{histogram}_bucket" in query.expr for histogram in EXEMPLARS)


def _description(queries: Sequence[Query], story: Story) -> str:
    formulas = "\n".join(f"- {query.legend}: `{query.expr}`" for query in queries)
    return f"{story.what}\n\n**When it is red:** {story.red}\n\n**Formula**\n{formulas}"


def _coloured(panel: P, queries: Sequence[Query]) -> P:
    for query in queries:
        properties = []
        if query.colour:
            properties.append(model.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": query.colour}))
        if query.dashed:
            properties.append(model.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [6, 6]}))
            properties.append(model.DynamicConfigValue("custom.fillOpacity", 0))
        if properties:
            panel.override_by_name(query.legend, properties)
    return panel


def _thresholds(steps: Steps) -> grafana.ThresholdsConfig:
    base = model.Threshold(value=None, color="green" if steps else "blue")  # what is never red is not green either
    levels = [base, *(model.Threshold(value, colour) for value, colour in steps)]
    return grafana.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(levels)


def _scheme(panel: object) -> grafana.FieldColor:
    """Lines tell their series apart, everything else tells good from bad."""
    by_series = isinstance(panel, timeseries.Panel | bargauge.Panel)
    mode = model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME if by_series else model.FieldColorModeId.THRESHOLDS
    return grafana.FieldColor().mode(mode)


def _mapping(states: Mapping[int, tuple[str, str]]) -> model.ValueMap:
    results = enumerate(states.items())
    return model.ValueMap(
        options={
            str(value): model.ValueMappingResult(text=word, color=colour, index=index)
            for index, (value, (word, colour)) in results
        }
    )


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(looks.LegendDisplayMode.LIST)
    return legend.placement(looks.LegendPlacement.BOTTOM).show_legend(True).calcs(["max"])


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING)


def _letter(index: int) -> str:
    return chr(ord("A") + index)

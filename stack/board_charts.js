// The panels that Plotly draws: lines, bars and heat maps over time.
"use strict";

const PLOT_CONFIG = { displayModeBar: false, responsive: true, doubleClick: false };
const hiddenSeries = new Map(); // panel id -> names switched off in its legend

function drawLines(panel, body, answer, view) {
  const series = allSeries(answer).filter((one) => one.values.some((value) => value !== null));
  if (!series.length) return drawEmpty(panel, body);
  const off = hiddenSeries.get(panel.id) || new Set();
  const looks = series.map((one, index) => lineLook(panel, one, index));
  const traces = series.map((one, index) => trace(panel, one, looks[index], off.has(one.name)));
  const plot = plotIn(body, panel, series, looks, () => drawLines(panel, body, answer, view));
  const layout = timeLayout(panel, view, body);
  const highest = Math.max(0, ...series.filter((one) => !off.has(one.name)).flatMap((one) => one.values.filter((value) => value !== null)));
  const lowest = Math.min(0, ...series.flatMap((one) => one.values.filter((value) => value !== null)));
  const stacked = panel.fieldConfig.defaults.custom?.stacking?.mode === "normal";
  layout.yaxis.rangemode = "tozero";
  if (!stacked) layout.yaxis.range = [lowest * 1.1, Math.max(highest, defaults(panel).custom?.axisSoftMax || 0) * 1.12 || 1];
  layout.shapes = [...layout.shapes, ...thresholdLines(panel, Math.max(highest * 1.12, 0))];
  Object.assign(layout.yaxis, ticks(stacked ? null : layout.yaxis.range, defaults(panel).unit));
  Plotly.react(plot, traces, layout, PLOT_CONFIG);
  zoomable(plot);
}

function lineLook(panel, series, index) {
  const special = overrides(panel, series.name);
  return {
    colour: colourOf(special.color?.fixedColor || seriesColour(index)),
    dash: special["custom.lineStyle"]?.fill === "dash" ? "dash" : "solid",
    fill: special["custom.fillOpacity"] ?? defaults(panel).custom.fillOpacity ?? 0,
  };
}

function trace(panel, series, look, hidden) {
  const { unit, custom } = defaults(panel);
  const stack = custom.stacking?.mode === "normal" ? "all" : undefined;
  const tint = look.colour + Math.round(2.55 * look.fill).toString(16).padStart(2, "0");
  const common = {
    x: series.times, y: series.values, name: series.name, visible: !hidden, marker: { color: look.colour },
    text: series.values.map((value) => formatted(value, unit)), hovertemplate: "%{text}",
  };
  if (custom.drawStyle === "bars") return { ...common, type: "bar", textposition: "none" };
  return {
    ...common, type: "scatter", mode: "lines", line: { color: look.colour, width: custom.lineWidth, dash: look.dash },
    fill: stack ? "tonexty" : look.fill ? "tozeroy" : "none", fillcolor: tint, stackgroup: stack, connectgaps: false,
  };
}

function thresholdLines(panel, highest) {
  if ((defaults(panel).custom?.thresholdsStyle?.mode || "off") === "off") return [];
  const steps = defaults(panel).thresholds.steps.filter((step) => step.value !== null && step.value <= highest);
  return steps.map((step) => ({
    type: "line", xref: "paper", x0: 0, x1: 1, y0: step.value, y1: step.value, line: { color: colourOf(step.color), width: 1, dash: "dash" },
  }));
}

// Five round ticks in the panel's unit; Plotly's own would write 0.05 where a person reads 50 ms.
function ticks(range, unit) {
  if (!range) return unit === "s" ? { ticksuffix: " s" } : {};
  const span = range[1] - range[0], rough = span / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const values = [];
  for (let value = Math.ceil(range[0] / step) * step; value <= range[1]; value += step) values.push(Math.abs(value) < step / 1e6 ? 0 : value);
  return { tickvals: values, ticktext: values.map((value) => formatted(Number(value.toPrecision(6)), unit)) };
}

function timeLayout(panel, view, body) {
  const axis = { gridcolor: theme("--grid"), zeroline: false, tickfont: { size: 11, color: theme("--muted") }, fixedrange: true, automargin: true };
  const marks = (view.annotations || []).filter((mark) => mark.time >= view.start && mark.time <= view.end);
  return {
    margin: { l: 50, r: 14, t: 8, b: 26 }, paper_bgcolor: "transparent", plot_bgcolor: "transparent", showlegend: false,
    font: { color: theme("--text"), family: "Inter, Segoe UI, Roboto, Noto Sans, sans-serif" }, dragmode: "zoom", bargap: 0.15, barmode: "stack",
    xaxis: { ...axis, ticks: "outside", ticklen: 5, tickcolor: "transparent", type: "date", range: [view.start, view.end], fixedrange: false, tickformat: "%H:%M:%S", tickangle: 0, nticks: Math.max(3, Math.min(9, Math.floor(body.clientWidth / 95))) },
    yaxis: { ...axis }, hovermode: "x unified",
    hoverlabel: { bgcolor: theme("--raised"), bordercolor: theme("--edge"), font: { color: theme("--text"), size: 12 } },
    shapes: marks.map((mark) => ({
      type: "line", x0: mark.time, x1: mark.time, yref: "paper", y0: 0, y1: 1, line: { color: colourOf(mark.color), width: 1, dash: "dot" },
    })),
    annotations: marks.map((mark) => ({
      x: mark.time, y: 0, yref: "paper", yanchor: "bottom", text: "▲", showarrow: false, hovertext: `${mark.text} ${clock(mark.time)}`,
      font: { size: 9, color: colourOf(mark.color) },
    })),
  };
}

function drawHeat(panel, body, answer, view) {
  const buckets = allSeries(answer).map((one) => ({ ...one, le: Number(one.labels.le.replace("+Inf", "Infinity")) }));
  buckets.sort((a, b) => a.le - b.le);
  const counts = buckets.map((bucket, row) => bucket.values.map((value, at) => (value === null ? null : Math.max(0, value - (row ? buckets[row - 1].values[at] ?? 0 : 0)))));
  const used = counts.flatMap((row, index) => (row.some((count) => count > 0.01) ? [index] : []));
  if (!used.length) return drawEmpty(panel, body);
  const first = Math.max(0, used[0] - 1), last = Math.min(buckets.length - 1, used.at(-1) + 1);
  const names = buckets.map((bucket) => (Number.isFinite(bucket.le) ? formatted(bucket.le, "s") : "more")).slice(first, last + 1);
  const cells = counts.slice(first, last + 1).map((row) => row.map((count) => (count > 0.01 ? Math.sqrt(count) : null)));
  const plot = plotIn(body, panel, [], [], null);
  const layout = timeLayout(panel, view, body);
  layout.hovermode = "closest";
  Object.assign(layout.yaxis, { type: "category", ticklabelposition: "outside" });
  const told = counts.slice(first, last + 1).map((row) => row.map((count) => (count === null ? "" : digits(Math.round(count)))));
  Plotly.react(plot, [{
    type: "heatmap", x: buckets[0].times, y: names, z: cells, text: told, hovertemplate: "up to %{y}: %{text}<extra></extra>",
    colorscale: TURBO.map((colour, index) => [index / (TURBO.length - 1), colour]), showscale: false, xgap: 1, ygap: 1, hoverongaps: false,
  }], layout, PLOT_CONFIG);
  zoomable(plot);
}

// The plot of a body, made once, with the legend below it.
function plotIn(body, panel, series, looks, redraw) {
  let plot = body.querySelector(".plot");
  if (!plot) {
    plot = element("div", "plot");
    body.replaceChildren(plot);
  }
  body.querySelector(".legend")?.remove();
  if (series.length) body.append(legend(panel, series, looks, redraw));
  return plot;
}

function legend(panel, series, looks, redraw) {
  const list = element("ul", "legend");
  const off = hiddenSeries.get(panel.id) || new Set();
  series.forEach((one, index) => {
    const entry = element("li", off.has(one.name) ? "off" : "");
    const swatch = element("i");
    swatch.style.background = looks[index].colour;
    entry.append(swatch, one.name, element("b", "", calculated(panel, one)));
    entry.onclick = () => {
      off.has(one.name) ? off.delete(one.name) : off.add(one.name);
      hiddenSeries.set(panel.id, off);
      redraw();
    };
    list.append(entry);
  });
  return list;
}

// What Grafana writes beside a name in the legend.
function calculated(panel, series) {
  const values = series.values.filter((value) => value !== null);
  const known = { max: () => Math.max(...values), lastNotNull: () => values.at(-1) };
  return (panel.options.legend.calcs || []).map((name) => `${name} ${formatted(known[name](), defaults(panel).unit)}`).join(" ");
}

function zoomable(plot) {
  plot.removeAllListeners?.("plotly_relayout");
  plot.on("plotly_relayout", (change) => {
    if (change["xaxis.range[0]"] === undefined) return;
    const edges = [0, 1].map((edge) => Math.round(new Date(change[`xaxis.range[${edge}]`]).getTime()));
    document.dispatchEvent(new CustomEvent("zoom", { detail: edges }));
  });
}

const DRAW = {
  stat: drawStat, gauge: drawGauge, bargauge: drawBars, timeseries: drawLines, heatmap: drawHeat,
  "state-timeline": drawTimeline, table: drawTable, text: drawText,
};

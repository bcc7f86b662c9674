// One function a kind of panel: draws a panel's answer into its body.
"use strict";

const element = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const theme = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const defaults = (panel) => panel.fieldConfig.defaults;
const allSeries = (answer) => answer.queries.flatMap((query) => query.series.map((series) => ({ ...series, ref: query.ref, times: query.times })));
const lastOf = (series) => series.values.findLast((value) => value !== null);
const overrides = (panel, name) => {
  const found = (panel.fieldConfig.overrides || []).filter((entry) => entry.matcher.options === name);
  return Object.fromEntries(found.flatMap((entry) => entry.properties.map((property) => [property.id, property.value])));
};
const states = (mappings) => Object.assign({}, ...(mappings || []).map((mapping) => mapping.options));

function drawEmpty(panel, body) {
  body.replaceChildren(element("p", "empty", defaults(panel).noValue || "No data"));
}

function drawStat(panel, body, answer) {
  const [series] = allSeries(answer);
  const value = series && lastOf(series);
  const known = value !== undefined;
  const box = element("div", known ? "stat" : "stat unknown");
  const text = element("span", "", known ? formatted(value, defaults(panel).unit) : defaults(panel).noValue || "No data");
  text.style.setProperty("--letters", text.textContent.length); // it fits in whatever font there is
  box.append(text);
  if (known) {
    const colour = thresholdColour(value, defaults(panel).thresholds.steps);
    box.style.background = `linear-gradient(120deg, color-mix(in srgb, ${colour} 78%, black), color-mix(in srgb, ${colour} 92%, black))`;
    box.style.color = "#fff";
  }
  body.replaceChildren(box);
}

function drawGauge(panel, body, answer) {
  const [series] = allSeries(answer);
  const value = series && lastOf(series);
  if (value === undefined) return drawEmpty(panel, body);
  const { min = 0, max = 1, unit, decimals, thresholds } = defaults(panel);
  const share = Math.min(1, Math.max(0, (value - min) / (max - min)));
  const arc = (from, to, colour, radius, width) => {
    const point = (part) => { const a = Math.PI * (1 + part); return `${100 + radius * Math.cos(a)} ${100 + radius * Math.sin(a)}`; };
    return `<path d="M ${point(from)} A ${radius} ${radius} 0 0 1 ${point(to)}" fill="none" stroke="${colour}" stroke-width="${width}"/>`;
  };
  const rim = thresholds.steps.map((step, index, all) => {
    const edge = (entry) => (entry && entry.value !== null ? Math.min(1, Math.max(0, (entry.value - min) / (max - min))) : 0);
    const until = index + 1 < all.length ? edge(all[index + 1]) : 1;
    return until > edge(step) ? arc(edge(step), until, colourOf(step.color), 92, 4) : "";
  }).join("");
  body.innerHTML = `<svg class="gauge" viewBox="0 0 200 112">${rim}${arc(0, 1, theme("--raised"), 74, 24)}` +
    `${share > 0 ? arc(0, share, thresholdColour(value, thresholds.steps), 74, 24) : ""}<text x="100" y="98">${escaped(formatted(value, unit, decimals))}</text></svg>`;
}

function drawBars(panel, body, answer) {
  const series = allSeries(answer).map((one) => ({ name: one.name, value: lastOf(one) ?? null }));
  if (!series.length) return drawEmpty(panel, body);
  const most = Math.max(1, ...series.map((one) => one.value ?? 0));
  const box = element("div", "bars");
  series.forEach((one, index) => {
    const bar = element("div");
    const filled = element("i");
    filled.style.width = `${(100 * Math.max(0, one.value ?? 0)) / most}%`;
    filled.style.background = colourOf(overrides(panel, one.name).color?.fixedColor || seriesColour(index));
    bar.append(filled);
    box.append(element("span", "", one.name), bar, element("b", "", formatted(one.value, defaults(panel).unit) || "unknown"));
  });
  body.replaceChildren(box);
}

function drawTimeline(panel, body, answer, view) {
  const rows = allSeries(answer);
  if (!rows.length) return drawEmpty(panel, body);
  const names = states(defaults(panel).mappings);
  const box = element("div", "timeline");
  const place = (time) => (100 * (time - view.start)) / (view.end - view.start);
  for (const row of rows) {
    const band = element("div");
    for (const [from, to, value] of stretches(row, view)) {
      const state = names[value] || { text: String(value), color: thresholdColour(value, defaults(panel).thresholds.steps) };
      const part = element("i", "", place(to) - place(from) > 6 ? state.text : "");
      part.style.cssText = `left:${place(from)}%;width:${place(to) - place(from)}%;background:${colourOf(state.color)}`;
      part.title = `${row.name}: ${state.text}, ${clock(from)} to ${clock(to)}`;
      band.append(part);
    }
    box.append(element("span", "", row.name), band);
  }
  const scale = element("div", "scale");
  for (let tick = 0; tick <= 4; tick += 1) scale.append(element("span", "", clock(view.start + (tick * (view.end - view.start)) / 4)));
  box.append(element("span"), scale);
  body.replaceChildren(box);
}

// Runs of one value as [from, to, value]; each point stands for the step up to the next.
function stretches(series, view) {
  const runs = [];
  const step = series.times.length > 1 ? series.times[1] - series.times[0] : 0;
  series.values.forEach((value, index) => {
    if (value === null) return;
    const from = Math.max(series.times[index], view.start), to = Math.min(series.times[index] + step, view.end);
    const run = runs.at(-1);
    if (run && run[2] === value && series.times[index] - run[1] < step / 2) run[1] = to;
    else if (to > from) runs.push([from, to, value]);
  });
  return runs;
}

function drawTable(panel, body, answer) {
  const renamed = (panel.transformations || []).find((entry) => entry.id === "organize")?.options.renameByName || {};
  const column = (ref) => renamed[`Value #${ref}`] || ref;
  const rows = new Map();
  for (const series of allSeries(answer)) {
    const key = JSON.stringify(series.labels);
    rows.set(key, { ...(rows.get(key) || series.labels), [column(series.ref)]: lastOf(series) });
  }
  if (!rows.size) return drawEmpty(panel, body);
  const list = [...rows.values()];
  const labels = [...new Set(allSeries(answer).flatMap((series) => Object.keys(series.labels)))];
  const heads = [...labels, ...answer.queries.map((query) => column(query.ref))];
  const table = element("table");
  const header = table.createTHead().insertRow();
  heads.forEach((head) => header.append(element("th", "", head)));
  list.sort((a, b) => String(a[heads[0]]).localeCompare(String(b[heads[0]]), "en", { numeric: true }));
  for (const row of list) {
    const line = table.insertRow();
    heads.forEach((head) => {
      const cell = line.insertCell(), value = row[head], state = states(overrides(panel, head).mappings)[value];
      const unit = overrides(panel, head).unit || defaults(panel).unit;
      cell.textContent = state ? state.text : typeof value === "number" ? formatted(value, unit) : value ?? "";
      if (state) cell.style.cssText = `background:${colourOf(state.color)};color:#111`;
    });
  }
  const scroll = element("div", "scroll");
  scroll.append(table);
  body.replaceChildren(scroll);
}

function drawText(panel, body) {
  const box = element("div", "prose");
  box.innerHTML = prose(panel.options.content);
  body.replaceChildren(box);
}

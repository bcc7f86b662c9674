// The page: which dashboard, which time range, and when to ask again. BOARD is put in by the server or by a saved file.
"use strict";

const RANGES = { "now-1m": "1 min", "now-5m": "5 min", "now-15m": "15 min", "now-30m": "30 min", "now-1h": "1 h", "now-6h": "6 h", "now-24h": "24 h" };
const REFRESHES = { 0: "off", 2: "2 s", 5: "5 s", 10: "10 s", 30: "30 s" };
const find = (id) => document.getElementById(id);
const saved = Boolean(BOARD.saved);
const state = { uid: null, from: "now-5m", to: "now", refresh: 5, variables: {}, annotations: [] };
const bodies = new Map(); // panel id -> its body
const visible = new Set();
let timer = 0, asked = 0;

const dashboard = () => BOARD.dashboards[state.uid];
const flat = (board) => board.panels.flatMap((panel) => [panel, ...(panel.panels || [])]);

function readAddress() {
  const query = new URLSearchParams(location.search);
  const uid = saved ? location.hash.slice(1) : location.pathname.split("/")[2];
  state.uid = BOARD.dashboards[uid] ? uid : BOARD.home;
  state.from = query.get("from") || dashboard().time.from;
  state.to = query.get("to") || dashboard().time.to;
  for (const variable of dashboard().templating.list) state.variables[variable.name] = query.get(`var-${variable.name}`) || variable.current.value;
}

function address(uid) {
  if (saved) return `#${uid}`;
  const query = new URLSearchParams({ from: state.from, to: state.to });
  for (const [name, value] of Object.entries(state.variables)) if (name !== "datasource") query.set(`var-${name}`, value);
  return `/d/${uid}?${query}`;
}

// The range in milliseconds; a live one moves with the clock.
function view() {
  const { from, to } = saved ? BOARD.saved : state;
  const units = { s: 1e3, m: 6e4, h: 36e5, d: 864e5 };
  const moment = (text) => {
    const match = /^now(?:-(\d+)([smhd]))?$/.exec(text);
    return match ? Date.now() - Number(match[1] || 0) * (units[match[2]] || 0) : Number(text);
  };
  return { start: moment(String(from)), end: moment(String(to)), annotations: state.annotations };
}

function show() {
  document.title = `${dashboard().title} · Event pipeline`;
  const title = find("title");
  title.replaceChildren(dashboard().title, element("small", "", dashboard().description));
  const links = Object.values(BOARD.dashboards).map((board) => {
    const link = element("a", "", board.title);
    link.href = address(board.uid);
    if (board.uid === state.uid) link.setAttribute("aria-current", "page");
    return link;
  });
  find("dashboards").replaceChildren(...links);
  layOut();
  refresh();
}

function layOut() {
  bodies.clear();
  visible.clear();
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const id = Number(entry.target.dataset.id);
      entry.isIntersecting ? visible.add(id) : visible.delete(id);
      if (entry.isIntersecting && !entry.target.dataset.drawn) { entry.target.dataset.drawn = "yes"; fill(id); }
    }
  }, { rootMargin: "300px" });
  find("panels").replaceChildren(...flat(dashboard()).map((panel) => {
    const node = panel.type === "row" ? element("div", "row", panel.title) : frame(panel);
    const { x, y, w, h } = panel.gridPos;
    node.style.gridArea = `${y + 1} / ${x + 1} / span ${h} / span ${w}`;
    node.style.setProperty("--h", h);
    if (panel.type !== "row") watcher.observe(node);
    return node;
  }));
}

function frame(panel) {
  const node = element("section", `panel ${panel.type}-panel`);
  node.dataset.id = panel.id;
  const heading = element("h2");
  const what = element("button", "what", "i");
  what.setAttribute("aria-label", `What ${panel.title} means`);
  what.onclick = (event) => tell(event, panel);
  heading.append(element("span", "", panel.title), what);
  const body = element("div", "body");
  bodies.set(panel.id, body);
  node.append(heading, body);
  return node;
}

// A panel's text, beside the button that asked for it.
function tell(event, panel) {
  event.stopPropagation();
  find("story")?.remove();
  const story = element("div");
  story.id = "story";
  story.innerHTML = prose(panel.description);
  document.body.append(story);
  const button = event.target.getBoundingClientRect();
  story.style.top = `${button.bottom + scrollY + 4}px`;
  story.style.left = `${Math.max(8, Math.min(button.left, innerWidth - story.offsetWidth - 12))}px`;
}

async function answerOf(path) {
  const query = address("").split("?")[1];
  const response = await fetch(`${path}?${query}`);
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

async function fill(id) {
  const panel = flat(dashboard()).find((one) => one.id === id);
  const body = bodies.get(id);
  const turn = asked;
  try {
    const needs = (panel.targets || []).length > 0;
    const answer = !needs ? {} : saved ? BOARD.saved.answers[state.uid][id] : await answerOf(`/api/panels/${state.uid}/${id}`);
    if (turn !== asked || body !== bodies.get(id)) return;
    if (answer.error) throw new Error(answer.error);
    DRAW[panel.type](panel, body, answer, view());
  } catch (error) {
    body.replaceChildren(element("p", "empty", String(error.message || error)));
    throw error;
  }
}

async function refresh() {
  clearTimeout(timer);
  asked += 1;
  const status = find("status");
  try {
    state.annotations = saved ? BOARD.saved.annotations[state.uid] : await answerOf(`/api/annotations/${state.uid}`);
    await Promise.all([...visible].map(fill));
    status.className = saved ? "still" : "";
    status.textContent = saved ? "saved" : clock(Date.now());
  } catch (error) {
    status.className = "broken";
    status.textContent = "Prometheus does not answer";
  }
  if (!saved && state.refresh > 0 && state.to.startsWith("now")) timer = setTimeout(refresh, state.refresh * 1000);
}

function go() {
  history.pushState(null, "", address(state.uid));
  controls();
  show();
}

function options(select, choices, chosen, apply) {
  const entries = Object.entries(choices).map(([value, text]) => new Option(text, value, false, value === String(chosen)));
  select.replaceChildren(...entries);
  if (!(String(chosen) in choices)) select.add(new Option(String(chosen).replace("now-", "last "), chosen, true, true));
  select.onchange = () => { apply(select.value); go(); };
}

function controls() {
  const range = saved ? { ...view() } : null;
  const label = saved ? { [BOARD.saved.from]: `${UNITS.dateTimeAsIso(range.start)} to ${clock(range.end)}` } : RANGES;
  const absolute = !state.to.startsWith("now") && !saved;
  const moment = absolute ? view() : null;
  const choices = absolute ? { ...label, [state.from]: `${clock(moment.start)} to ${clock(moment.end)}` } : label;
  options(find("range"), choices, saved ? BOARD.saved.from : state.from, (value) => { state.from = value; state.to = "now"; });
  options(find("refresh"), REFRESHES, state.refresh, (value) => { state.refresh = Number(value); });
  find("refreshing").hidden = find("range").disabled = saved;
  if (saved) find("range").disabled = true;
  const shown = saved ? [] : dashboard().templating.list.filter((variable) => variable.type === "custom");
  find("variables").replaceChildren(...shown.map((variable) => {
    const label = element("label", "", `${variable.label} `), select = element("select");
    const values = Object.fromEntries(variable.options.map((option) => [option.value, option.text]));
    options(select, values, state.variables[variable.name], (value) => { state.variables[variable.name] = value; });
    label.append(select);
    return label;
  }));
}

function repaint() {
  document.documentElement.dataset.theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", document.documentElement.dataset.theme);
  show();
}

function start() {
  document.documentElement.dataset.theme = new URLSearchParams(location.search).get("theme") || localStorage.getItem("theme") || "dark";
  readAddress();
  controls();
  find("theme").onclick = repaint;
  document.addEventListener("click", () => find("story")?.remove());
  document.addEventListener("zoom", ({ detail }) => { if (!saved) { [state.from, state.to] = detail.map(String); go(); } });
  addEventListener("popstate", () => { readAddress(); controls(); show(); });
  addEventListener("hashchange", () => { readAddress(); show(); });
  show();
}

start();

// Numbers, times and colours as Grafana writes them.
"use strict";

const NAMED = {
  green: "#73bf69", yellow: "#fade2a", orange: "#ff9830", red: "#f2495c", blue: "#5794f2", purple: "#b877d9",
  "light-blue": "#8ab8ff", text: "#8e8ea0",
};
const PALETTE = ["#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#b877d9", "#5794f2", "#ff9830", "#ffb357", "#37872d", "#e0b400", "#ca95e5", "#fa6400"];
const TURBO = ["#30123b", "#4145ab", "#4675ed", "#39a2fc", "#1bcfd4", "#24eca6", "#61fc6c", "#a4fc3b", "#d1e834", "#f3c63a", "#fe9b2d", "#f36315", "#d93806", "#b11901", "#7a0402"];

const colourOf = (name) => NAMED[name] || name;
const seriesColour = (index) => PALETTE[index % PALETTE.length];

// At most three significant digits, no trailing zeros.
function digits(value) {
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(Math.abs(value) >= 1000 ? 4 : 3)));
}

function scaled(value, base, names) {
  let index = 0;
  while (Math.abs(value) >= base && index < names.length - 1) { value /= base; index += 1; }
  return digits(value) + names[index];
}

function seconds(value) {
  const size = Math.abs(value);
  if (size === 0) return "0 s";
  if (size < 1e-3) return digits(value * 1e6) + " µs";
  if (size < 1) return digits(value * 1e3) + " ms";
  if (size < 60) return digits(value) + " s";
  if (size < 3600) return digits(value / 60) + " min";
  if (size < 86400) return digits(value / 3600) + " h";
  return digits(value / 86400) + " d";
}

const UNITS = {
  s: seconds,
  percentunit: (value) => digits(value * 100) + " %",
  bytes: (value) => scaled(value, 1024, [" B", " KiB", " MiB", " GiB", " TiB"]),
  cps: (value) => scaled(value, 1000, ["", "k", "M"]) + "/s",
  reqps: (value) => scaled(value, 1000, ["", "k", "M"]) + " req/s",
  dateTimeAsIso: (value) => new Date(value).toISOString().replace("T", " ").slice(0, 19),
  none: (value) => (Number.isInteger(value) ? value.toLocaleString("en") : digits(value)),
};

function formatted(value, unit, decimals) {
  if (value === null || value === undefined) return "";
  if (unit === "percentunit" && decimals !== undefined) return `${(value * 100).toFixed(decimals)} %`;
  return (UNITS[unit] || UNITS.none)(value);
}

function clock(milliseconds, withSeconds = true) {
  return new Date(milliseconds).toTimeString().slice(0, withSeconds ? 8 : 5);
}

// The colour of the last step a value has reached.
function thresholdColour(value, steps) {
  let colour = "green";
  for (const step of steps || []) if (step.value === null || value >= step.value) colour = step.color;
  return colourOf(colour);
}

const escaped = (text) => String(text).replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign]);

// The little Markdown that panel texts use: paragraphs, lists, bold, italics and code.
function prose(markdown) {
  const inline = (text) => escaped(text).replace(/`([^`]+)`/g, "<code>$1</code>").replace(/\*\*([^*]+)\*\*/g, "<b>$1</b>")
    .replace(/(^|\s)\*([^*\s][^*]*)\*/g, "$1<i>$2</i>");
  return markdown.trim().split(/\n\n+/).map((block) => {
    const lines = block.split("\n");
    const points = lines.filter((line) => line.startsWith("- ")).map((line) => `<li>${inline(line.slice(2))}</li>`);
    const words = lines.filter((line) => !line.startsWith("- ")).map(inline).join(" ");
    return (words ? `<p>${words}</p>` : "") + (points.length ? `<ul>${points.join("")}</ul>` : "");
  }).join("");
}

// Plots of named channels over the positions so far: segments, bands, stacked shares, lines.

import { filled } from "./columns.mjs";
import { choice, make, number } from "./kit.mjs";
import { player } from "./player.mjs";

// Okabe and Ito's, as in the pictures; the last is the ink of the page
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "currentColor"];
const DASHES = ["", "6 3", "8 3 2 3", "2 3"];
const [WIDE, LEFT, RIGHT, TOP] = [640, 46, 8, 6]; // of a panel, and where its axes stand

const hue = (i) => COLOURS[i % COLOURS.length];
const place = (x, y) => `${number(x, 5)} ${number(y, 5)}`;

/** The values of a channel at every position, null where nothing stands. */
export function channel(bytes, rows, c, low, high) {
  const found = [];
  for (let at = c; at < bytes.length; at += rows)
    found.push(bytes[at] ? low[c] + ((bytes[at] - 1) / 254) * (high[c] - low[c]) : null);
  return found;
}

/** [begin, end, value] of each run of the same whole number. */
export function stretches(values) {
  const found = [];
  values.forEach((value, i) => {
    if (value === null) return;
    const whole = Math.round(value);
    const last = found.at(-1);
    if (last && last[1] === i && last[2] === whole) last[1] = i + 1;
    else found.push([i, i + 1, whole]);
  });
  return found;
}

/** The path of a line that stops where nothing stands. */
export function drawnLine(values, x, y) {
  let pen = false;
  return values.map((value, i) => {
    const step = value === null ? "" : `${pen ? "L" : "M"}${place(x(i), y(value))}`;
    pen = value !== null;
    return step;
  }).join("");
}

/** The paths of the area between two lines, one for each stretch where both stand. */
export function area(lower, upper, x, y) {
  const there = lower.map((value, i) => (value === null || upper[i] === null ? null : 1));
  return stretches(there).map(([begin, end]) => {
    const along = Array.from({ length: end - begin }, (_, k) => begin + k);
    const edge = (values, places) => places.map((i) => place(x(i), y(values[i])));
    return `M${[...edge(upper, along), ...edge(lower, along.reverse())].join("L")}Z`;
  }).join("");
}

/** Three to six round numbers between two values. */
export function rounds(least, most) {
  const rough = (most - least) / 4;
  const ten = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * ten).find((n) => n >= rough);
  const found = [];
  for (let k = Math.ceil(least / step); k * step <= most + 1e-9 * step; k++) found.push(k * step);
  return found;
}

const path = (d, attributes) => make("path", { d, ...attributes });

const pale = (kind) => (kind === "band" ? 0.3 : 0.65);

function key(kind, i, name) {
  const shape = kind === "line"
    ? path("M0 5H18", { stroke: hue(i), "stroke-width": 2, "stroke-dasharray": DASHES[i % 4] })
    : kind === "level"
      ? path("M0 5H18", { class: "axis", "stroke-dasharray": "2 3" })
      : make("rect", { width: 18, height: 10, fill: hue(i), opacity: pale(kind) });
  return make("li", {}, make("svg", { viewBox: "0 0 18 10", "aria-hidden": "true" }, shape), name);
}

function panelOf(given, size, first, name) {
  const { rows, columns, low, high } = size;
  const [least, most] = given.edges;
  const foot = name ? 30 : 8;
  const floor = given.height - foot;
  const x = (i) => LEFT + ((WIDE - LEFT - RIGHT) * i) / Math.max(columns - 1, 1);
  const y = (value) => floor - ((floor - TOP) * (value - least)) / (most - least);
  const half = (x(1) - x(0)) / 2;
  const attributes = { viewBox: `0 0 ${WIDE} ${given.height}`, class: "panel", role: "img" };
  const svg = make("svg", { ...attributes, "aria-label": given.label });
  const word = (at, up, anchor, words) =>
    make("text", { x: at, y: up, "text-anchor": anchor }, words);
  const scaled = given.lines.length || given.bands.length || given.shares.length;
  const ticks = (scaled ? rounds(least, most) : []).map((value) =>
    word(LEFT - 5, y(value) + 4, "end", number(value, 2)));
  const places = name ? rounds(first, first + columns - 1).map((at) => at - first) : [];
  const frame = [
    path(`M${LEFT} ${TOP}V${floor}H${WIDE - RIGHT}`, { class: "axis" }),
    ...ticks,
    ...places.map((i) => word(x(i), floor + 13, "middle", `${first + i}`)),
    name ? word((LEFT + WIDE) / 2, floor + 27, "middle", name) : null,
  ];
  const levels = given.levels.map(([, value]) =>
    path(`M${LEFT} ${y(value)}H${WIDE - RIGHT}`, { class: "axis", "stroke-dasharray": "2 3" }));
  const show = (bytes, now) => {
    const values = (c) => channel(bytes, rows, c, low, high);
    const drawn = [];
    const runs = given.segments === null ? [] : stretches(values(given.segments));
    for (const [begin, end, state] of runs) {
      const left = Math.max(x(begin) - half, LEFT);
      const right = Math.min(x(end) - half, WIDE - RIGHT);
      const box = { x: left, y: TOP, width: right - left, height: floor - TOP };
      drawn.push(make("rect", { ...box, fill: hue(state), opacity: 0.25 }));
      if (box.width > 14) drawn.push(word(left + box.width / 2, TOP + 11, "middle", `${state}`));
    }
    let below = new Array(columns).fill(0);
    given.shares.forEach(([, c], i) => {
      const top = values(c).map((value, at) => (value === null ? null : value + below[at]));
      const under = below.map((value, at) => (top[at] === null ? null : value));
      drawn.push(path(area(under, top, x, y), { fill: hue(i), opacity: 0.65 }));
      below = top.map((value) => value ?? 0);
    });
    given.bands.forEach(([, lower, upper], i) =>
      drawn.push(path(area(values(lower), values(upper), x, y), { fill: hue(i), opacity: 0.25 })));
    given.lines.forEach(([, c], i) =>
      drawn.push(path(drawnLine(values(c), x, y), {
        fill: "none", stroke: hue(i), "stroke-width": 1.6, "stroke-dasharray": DASHES[i % 4],
      })));
    const here = path(`M${x(now)} ${TOP}V${floor}`, { class: "now" });
    svg.replaceChildren(...drawn, ...levels, here, ...frame.filter(Boolean));
  };
  const keys = [
    ...given.lines.map(([told], i) => key("line", i, told)),
    ...given.bands.map(([told], i) => key("band", i, told)),
    ...given.shares.map(([told], i) => key("share", i, told)),
    ...given.levels.map(([told], i) => key("level", i, told)),
  ];
  const head = make("p", { class: "legend" }, given.label);
  return { node: make("div", {}, head, make("ul", { class: "keys" }, keys), svg), show };
}

/** The view of `player.mjs` over panels: what stands, and where the step shown is. */
export function panels(model, changed) {
  const [size, given, now] = ["size", "panels", "now"].map((name) => model.get(name));
  const [name, first] = model.get("x");
  const samples = model.get("samples");
  let sample = 0;
  const drawn = given.map((panel, i) =>
    panelOf(panel, size, first, i === given.length - 1 ? name : ""));
  const show = (i) => {
    const { bytes } = filled(size.rows, size.columns, samples[sample], i);
    for (const panel of drawn) panel.show(bytes, now[i]);
  };
  const turn = (i) => {
    sample = i;
    changed();
  };
  const names = samples.map((_, i) => `${i + 1}`);
  const controls = samples.length < 2 ? [] : [choice("sample", names, 0, turn).node];
  const node = make("div", { class: "panels-of-series" }, drawn.map((panel) => panel.node));
  return { node, controls, film: false, show };
}

export default player(panels);

// What every widget is made of: elements, controls, the page's theme, words for sets of positions.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "g", "path", "rect", "line", "polyline", "circle", "text", "title"]);
// JupyterLab takes arrow keys and the space bar for itself unless an element says otherwise.
const KEYS = { "data-lm-suppress-shortcuts": "true" };

/** An element with attributes and children; `onclick` and the like become listeners. */
export function make(tag, attributes = {}, ...children) {
  const drawn = DRAWN.has(tag) && tag !== "title";
  const node = drawn ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined)
      node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(9).filter((child) => child !== null && child !== undefined));
  return node;
}

export function button(sign, label, act, name = null) {
  const told = { "aria-label": label, title: label, class: name };
  return make("button", { type: "button", ...told, onclick: act, ...KEYS }, sign);
}

/** A named range: `.node` to place, `.value`, `.set(value)`; `write(value)` is what is read out. */
export function slider({ name, min = 0, max, step = 1, value, write = String, hidden }, act) {
  const input = make("input", { type: "range", min, max, step, "aria-label": name, ...KEYS });
  const told = make("output");
  const show = () => {
    told.textContent = write(+input.value);
    input.setAttribute("aria-valuetext", told.textContent);
  };
  const set = (to) => {
    input.value = to;
    show();
  };
  input.addEventListener("input", () => {
    show();
    act(+input.value);
  });
  // on a click, JupyterLab gives the focus to the cell
  input.addEventListener("click", () => setTimeout(() => input.focus()));
  const spoken = hidden ? null : make("span", { class: "name" }, name);
  const node = make("label", { class: "slider" }, spoken, input, hidden ? null : told);
  set(value);
  const limit = (most) => {
    input.max = most;
    show();
  };
  return { node, input, set, limit, get value() { return +input.value; } };
}

/** A named list to choose from; `act(index)`. */
export function choice(name, options, at, act) {
  const rows = options.map((words, i) => make("option", { value: i, selected: i === at }, words));
  const change = (event) => act(+event.target.value);
  const select = make("select", { "aria-label": name, onchange: change, ...KEYS }, rows);
  const node = make("label", { class: "choice" }, make("span", { class: "name" }, name), select);
  return { node, select };
}

/** A beat that stops by itself when its element has left the page. */
export function clock(el, tick, changed) {
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    changed(false);
  };
  const start = (pause) => {
    clearInterval(timer);
    timer = setInterval(() => (el.isConnected ? tick() : stop()), pause);
    changed(true);
  };
  return { start, stop, get running() { return timer !== null; } };
}

/** Prepare the place a widget draws in, and keep it told whether the page around it is dark. */
export function stage(el, name, label) {
  el.replaceChildren();
  el.classList.add("arlearn-element", `arlearn-${name}`);
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", label);
  const look = () => {
    // the colour of the text tells it in Lab, in the book, and wherever else
    const ink = getComputedStyle(el).color.match(/[\d.]+/g);
    if (ink) el.toggleAttribute("data-dark", 0.3 * ink[0] + 0.59 * ink[1] + 0.11 * ink[2] > 127);
  };
  const eye = new MutationObserver(() => (el.isConnected ? look() : null));
  for (const root of [document.documentElement, document.body])
    eye.observe(root, { attributes: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", look);
  new ResizeObserver(look).observe(el);
  look();
}

/** Send what the reader chose back to Python, where there is one. */
export function tell(model, values) {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  model.save_changes();
}

/** How dark step s of n is drawn: 0 the first, 100 the last. */
export function shade(s, n) {
  return n > 1 ? Math.round((100 * s) / (n - 1)) : 40;
}

export function number(value, digits = 3) {
  return String(+value.toPrecision(digits));
}

export function counted(n, one, many = `${one}s`) {
  return `${number(n, 6)} ${n === 1 ? one : many}`;
}

/** Positions in words: [0, 1, 2, 5] is "0–2, 5"; with sections, "clean 0–2, noisy 1". */
export function ranges(positions, sections = []) {
  const parts = sections.length ? sections : [["", Infinity]];
  const told = [];
  let begin = 0;
  for (const [name, length] of parts) {
    const held = positions.filter((p) => p >= begin && p < begin + length).map((p) => p - begin);
    const runs = [];
    for (const p of held) {
      if (runs.length && runs.at(-1)[1] === p - 1) runs.at(-1)[1] = p;
      else runs.push([p, p]);
    }
    const words = runs.map(([a, b]) => (a === b ? `${a}` : `${a}${b === a + 1 ? ", " : "–"}${b}`));
    const shown = words.length > 8 ? [...words.slice(0, 8), `… (${held.length} in all)`] : words;
    if (held.length) told.push(`${name} ${shown.join(", ")}`.trim());
    begin += length;
  }
  return told.join("; ") || "nothing";
}

/** A source of numbers in 0..1 that gives the same ones for the same seed (mulberry32). */
export function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

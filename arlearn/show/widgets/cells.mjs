// Units as cells: a text that fills in, or grids of numbers. What a step changed is replayed.

import { choice, make } from "./kit.mjs";
import { player } from "./player.mjs";

// The kinds of a cell, in the order of states.py, each with the words of the legend.
export const KINDS = [
  "not drawn yet",
  "stands",
  "drafted and kept",
  "drafted and refused",
  "from the target's own pass",
  "taken back",
];
const EMPTY = 0;
const HIDES = new Set([0, 5]);

/** The cells after frame i: `[word, sure, kind, changed]` for each position. */
export function replay(length, frames, i) {
  const state = Array.from({ length }, () => [-1, -1, EMPTY, false]);
  frames.slice(0, i + 1).forEach((changes, frame) => {
    for (let at = 0; at < changes.length; at += 4) {
      const [position, word, sure, kind] = changes.slice(at, at + 4);
      state[position] = [word, sure, kind, frame === i];
    }
  });
  return state;
}

function legend(samples) {
  const kinds = new Set([EMPTY]);
  let sure = false;
  for (const frames of samples)
    for (const changes of frames)
      for (let at = 0; at < changes.length; at += 4) {
        kinds.add(changes[at + 3]);
        sure ||= changes[at + 2] >= 0;
      }
  const rows = [...kinds].sort().map((kind) =>
    make("li", {}, make("span", { class: "unit", "data-kind": kind, "aria-hidden": "true" },
      HIDES.has(kind) ? (kind ? "↺" : "·") : "a"), ` ${KINDS[kind]}`),
  );
  const marked = { class: "unit", "data-kind": 1, "data-new": "", "aria-hidden": "true" };
  const fresh = make("span", marked, "a");
  rows.push(make("li", {}, fresh, " new in this step"));
  if (sure) rows.push(make("li", {}, "the stronger the tint, the surer the law"));
  return make("ul", { class: "legend" }, rows);
}

/** A blank or a line break where it must be seen; elsewhere a text keeps its own. */
function written(word, kind, text) {
  if (kind === 5) return "↺";
  if (kind === EMPTY) return "·";
  if (!text) return word;
  if (kind === 3) return word.replaceAll("\n", "↵").replaceAll(" ", "␣");
  return word.replaceAll("\n", "↵\n");
}

/** The view of `player.mjs` over cells: a text, or one or several grids. */
export function cells(model, changed) {
  const words = model.get("words");
  const samples = model.get("samples");
  const grids = model.get("grids");
  const text = !grids.length;
  const length = model.get("length");
  const units = Array.from({ length }, () => make("span", { class: "unit" }));
  let sample = 0;
  let begin = 0;
  const blocks = grids.map(([width, count]) => {
    const held = units.slice(begin, (begin += count));
    const style = `grid-template-columns:repeat(${width},minmax(0,1fr));--columns:${width}`;
    return make("div", { class: "grid", style, "data-wide": width > 10 }, held);
  });
  const prompt = make("span", { class: "prompt" }, model.get("prompt"));
  const body = text
    ? make("pre", { class: "text" }, prompt, units)
    : make("div", { class: "grids" }, blocks);
  if (!text) body.setAttribute("role", "img");
  const draw = (i) => {
    const state = replay(length, samples[sample], i);
    let standing = 0;
    state.forEach(([word, sure, kind, fresh], p) => {
      const unit = units[p];
      const told = written(words[word] ?? "", kind, text);
      if (unit.textContent !== told) unit.textContent = told;
      unit.dataset.kind = kind;
      unit.toggleAttribute("data-new", fresh && !HIDES.has(kind));
      unit.style.setProperty("--sure", sure < 0 ? 35 : sure);
      if (!text) unit.dataset.hue = HIDES.has(kind) ? "" : word % 7;
      unit.title = `position ${p}: ${KINDS[kind]}${sure < 0 ? "" : `, ${sure}% sure`}`;
      standing += !HIDES.has(kind) && kind !== 3;
    });
    const label = `${model.get("label")}: ${standing} of ${length} units stand`;
    if (!text) body.setAttribute("aria-label", label);
  };
  const controls = samples.length < 2 ? [] : [
    choice("sample", samples.map((_, i) => `${i + 1}`), 0, (i) => {
      sample = i;
      changed();
    }).node,
  ];
  const node = make("div", {}, body, legend(samples));
  return { node, controls, film: false, show: draw, get sample() { return sample; } };
}

export default player(cells);

// Continuous units that grow: a heat image of columns (mel, latents), or a wave.

import { filled } from "./columns.mjs";
import { choice, make, number } from "./kit.mjs";
import { player } from "./player.mjs";

// cividis at nine places (Nuñez et al. 2018): reads the same in grey and to colour-blind eyes
const CIVIDIS = [
  [0, 34, 78], [26, 56, 111], [66, 78, 108], [92, 100, 110], [121, 122, 120],
  [151, 146, 115], [184, 171, 99], [220, 199, 73], [254, 232, 56],
];

function colour(value) {
  const place = ((value - 1) / 254) * (CIVIDIS.length - 1);
  const low = Math.min(Math.floor(place), CIVIDIS.length - 2);
  return CIVIDIS[low].map((c, i) => c + (place - low) * (CIVIDIS[low + 1][i] - c));
}

function heat(rows, columns, label) {
  const canvas = make("canvas", { width: columns, height: rows, role: "img", "aria-label": label });
  const marks = make("svg", { viewBox: `0 0 ${columns} 1`, preserveAspectRatio: "none" });
  const show = (bytes, here) => {
    const paper = canvas.getContext("2d");
    const image = paper.createImageData(columns, rows);
    bytes.forEach((value, at) => {
      const pixel = 4 * ((rows - 1 - (at % rows)) * columns + Math.floor(at / rows));
      if (value) image.data.set([...colour(value), 255], pixel);
    });
    paper.putImageData(image, 0, 0);
    const boxes = here.map((x) => make("rect", { x, width: 1, height: 1 }));
    marks.replaceChildren(...boxes);
  };
  const fresh = make("div", { class: "fresh" }, marks);
  return { node: make("div", { class: "heat" }, canvas, fresh), show };
}

function wave(rows, columns, label) {
  const n = rows * columns;
  const line = make("path", { class: "wave" });
  const fresh = make("g");
  const zero = make("line", { x1: 0, x2: n, y1: 127, y2: 127, class: "axis" });
  const attributes = { viewBox: `0 -2 ${n} 258`, preserveAspectRatio: "none", role: "img" };
  const node = make("svg", { ...attributes, "aria-label": label }, fresh, zero, line);
  const show = (bytes, here) => {
    let d = "";
    bytes.forEach((value, at) => {
      if (value) d += `${at && bytes[at - 1] ? "L" : "M"}${at + 0.5} ${255 - value}`;
    });
    line.setAttribute("d", d);
    const boxes = here.map((k) => make("rect", { x: k * rows, width: rows, y: -2, height: 258 }));
    fresh.replaceChildren(...boxes);
  };
  return { node: make("div", { class: "line" }, node), show };
}

/** The view of `player.mjs` over continuous units. */
export function series(model, changed) {
  const { rows, columns, kind, low, high } = model.get("size");
  const samples = model.get("samples");
  let sample = 0;
  const drawn = (kind === "wave" ? wave : heat)(rows, columns, model.get("label"));
  const scale = make("small", {}, kind === "wave"
    ? `${rows * columns} values from ${number(low)} to ${number(high)}, left to right`
    : `${columns} columns of ${rows} values, the first at the bottom; ` +
      `dark ${number(low)} to light ${number(high)}`);
  const show = (i) => {
    const { bytes, fresh } = filled(rows, columns, samples[sample], i);
    drawn.show(bytes, fresh);
  };
  const controls = samples.length < 2 ? [] : [
    choice("sample", samples.map((_, i) => `${i + 1}`), 0, (i) => {
      sample = i;
      changed();
    }).node,
  ];
  const node = make("div", {}, drawn.node, scale);
  return { node, controls, film: false, show, get sample() { return sample; } };
}

export default player(series);

// A mask as a picture that answers: rows are positions that look, columns those looked at.

import { make } from "./kit.mjs";

/** All cells of one shade as one path, runs of neighbours joined. */
function path(rows, columns, filled) {
  let d = "";
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      if (!filled(i, j)) continue;
      const begin = j;
      while (j + 1 < columns && filled(i, j + 1)) j++;
      d += `M${begin} ${i}h${j - begin + 1}v1h${begin - j - 1}z`;
    }
  }
  return d;
}

/** Thin lines between cells that are large enough. */
function rules(rows, columns) {
  if (Math.max(rows, columns) > 40) return [];
  const across = Array.from({ length: rows - 1 }, (_, i) => `M0 ${i + 1}h${columns}`);
  const down = Array.from({ length: columns - 1 }, (_, j) => `M${j + 1} 0v${rows}`);
  return [make("path", { d: [...across, ...down].join(""), class: "between" })];
}

/** [3, 4, 5, 9] as [[3, 3], [9, 1]]: where runs begin and how long they are. */
function runs(rows) {
  const found = [];
  for (const i of rows) {
    if (found.length && found.at(-1)[0] + found.at(-1)[1] === i) found.at(-1)[1] += 1;
    else found.push([i, 1]);
  }
  return found;
}

function cuts(sections) {
  let end = 0;
  return sections.slice(0, -1).map(([, length]) => (end += length));
}

/**
 * The picture of a mask. `allowed(i, j)` says who sees whom, `shades` gives each column 0..100;
 * `pick(i, j)` is called when the reader points at a cell or moves there with the arrow keys.
 * Returns `.node` and `.mark(rows, column)`, which outlines rows and a column.
 */
export function matrix({ rows, columns, allowed, shades, sections = [], label, pick }) {
  const tones = [...new Set(shades)].sort((a, b) => a - b);
  const paths = tones.map((tone) =>
    make("path", {
      d: path(rows, columns, (i, j) => shades[j] === tone && allowed(i, j)),
      class: "cell",
      style: `--shade:${tone}%`,
    }),
  );
  const across = rows === columns ? cuts(sections) : [];
  const lines = [
    ...cuts(sections).map((x) => make("line", { x1: x, x2: x, y1: 0, y2: rows, class: "cut" })),
    ...across.map((y) => make("line", { x1: 0, x2: columns, y1: y, y2: y, class: "cut" })),
  ];
  const marks = make("g");
  const frame = make("rect", { width: columns, height: rows, class: "frame" });
  const inside = (at, most) => Math.min(Math.max(at, 0), most - 1);
  const at = { i: 0, j: 0 };
  const go = (i, j) => {
    Object.assign(at, { i: inside(i, rows), j: inside(j, columns) });
    pick(at.i, at.j);
  };
  const point = (event) => {
    const box = node.getBoundingClientRect();
    go(
      Math.floor(((event.clientY - box.top) / box.height) * rows),
      Math.floor(((event.clientX - box.left) / box.width) * columns),
    );
  };
  const keys = {
    ArrowUp: () => go(at.i - 1, at.j),
    ArrowDown: () => go(at.i + 1, at.j),
    ArrowLeft: () => go(at.i, at.j - 1),
    ArrowRight: () => go(at.i, at.j + 1),
    Home: () => go(at.i, 0),
    End: () => go(at.i, columns - 1),
  };
  const node = make(
    "svg",
    {
      viewBox: `0 0 ${columns} ${rows}`,
      class: "matrix",
      role: "application",
      tabindex: 0,
      "aria-label": `${label}; arrow keys move from cell to cell`,
      "data-lm-suppress-shortcuts": "true",
      onpointermove: point,
      onpointerdown: point,
      onkeydown: (event) => {
        if (!keys[event.key]) return;
        event.preventDefault();
        keys[event.key]();
      },
    },
    paths,
    rules(rows, columns),
    lines,
    frame,
    marks,
  );
  const mark = (looking, column, to = {}) => {
    Object.assign(at, to);
    const bands = runs(looking).map(([y, height]) =>
      make("rect", { y, width: columns, height, class: "band" }),
    );
    const upright = { x: column, width: 1, height: rows, class: "band" };
    marks.replaceChildren(...bands, ...(column === null ? [] : [make("rect", upright)]));
  };
  return { node, mark };
}

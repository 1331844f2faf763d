// The mask gallery: point at a cell and read who sees whom.

import { button, choice, make, number, ranges, shade, stage, tell } from "./kit.mjs";
import { matrix } from "./matrix.mjs";

/** Rows of hexadecimal digits as a function (i, j) -> may row i look at column j? */
export function unpacked(rows) {
  return (i, j) => ((parseInt(rows[i][j >> 2], 16) >> (3 - (j & 3))) & 1) === 1;
}

/** A position by its name, or by its section and number within it. */
function named(mask, p) {
  if (mask.labels.length) return `${mask.labels[p]} (${p})`;
  let begin = 0;
  for (const [name, length] of mask.sections) {
    if (p < begin + length) return `${name} ${p - begin}`;
    begin += length;
  }
  return `position ${p}`;
}

/** Whom row i sees and who sees column j, in words. */
export function told(mask, i, j) {
  const allowed = unpacked(mask.bits);
  const columns = Array.from({ length: mask.columns }, (_, k) => k);
  const rows = mask.bits.map((_, k) => k);
  const looks = columns.filter((k) => allowed(i, k));
  const lookers = rows.filter((k) => allowed(k, j));
  const square = mask.columns === mask.bits.length;
  const row = square ? named(mask, i) : `row ${i}`;
  const column = named(mask, j);
  const begin = (words) => words[0].toUpperCase() + words.slice(1);
  const verb = allowed(i, j) ? "may look at" : "may not look at";
  const aside = square ? mask.sections : [];
  return [
    `${begin(row)} ${verb} ${column}.`,
    `In all, ${row} sees ${ranges(looks, mask.sections)} (${looks.length} of ${mask.columns}).`,
    `${begin(column)} is seen by ${ranges(lookers, aside)} (${lookers.length}).`,
  ];
}

function render({ model, el }) {
  stage(el, "masks", model.get("label"));
  const masks = model.get("masks");
  let at = model.get("chosen");
  const words = make("ul", { class: "facts tall", "aria-live": "polite" });
  const panel = make("div", { class: "one" });
  const share = make("p", { class: "words" });
  const open = (k) => {
    at = (k + masks.length) % masks.length;
    const mask = masks[at];
    const allowed = unpacked(mask.bits);
    const rows = mask.bits.length;
    const steps = mask.step.length ? mask.step : Array(mask.columns).fill(0);
    const n = Math.max(...steps) + 1;
    const shown = matrix({
      rows,
      columns: mask.columns,
      allowed,
      shades: steps.map((s) => shade(s, n)),
      sections: mask.sections,
      label: `${mask.name}: ${rows} positions looking at ${mask.columns}`,
      pick: (i, j) => {
        shown.mark([i], j, { i, j });
        words.replaceChildren(...told(mask, i, j).map((line) => make("li", {}, line)));
      },
    });
    panel.replaceChildren(shown.node);
    let pairs = 0;
    for (let i = 0; i < rows; i++) for (let j = 0; j < mask.columns; j++) pairs += allowed(i, j);
    const parts = mask.sections.map(([name, length]) => `${name} (${length})`).join(", then ");
    share.textContent =
      `${rows} rows look at ${mask.columns} columns${parts && `: ${parts}`}; ` +
      `${number((100 * pairs) / (rows * mask.columns))}% of all pairs may. ${mask.note}`;
    names.select.value = at;
    const row = Math.floor(rows / 2);
    const first = Array.from({ length: mask.columns }, (_, j) => j).find((j) => allowed(row, j));
    shown.mark([row], first ?? 0, { i: row, j: first ?? 0 });
    words.replaceChildren(...told(mask, row, first ?? 0).map((line) => make("li", {}, line)));
    tell(model, { chosen: at });
  };
  const names = choice("mask", masks.map((mask) => mask.name), at, open);
  const back = button("‹", "the mask before", () => open(at - 1));
  const next = button("›", "the next mask", () => open(at + 1));
  const bar = make("div", { class: "bar" }, names.node, masks.length > 1 ? [back, next] : []);
  el.append(bar, share, make("div", { class: "panels" }, panel, words));
  open(at);
}

export default { render };

// The plan explorer: choose an order of generation, see who may look at whom and what it costs.

import {
  button, choice, clock, counted, make, number, ranges, shade, slider, stage, tell,
} from "./kit.mjs";
import { matrix } from "./matrix.mjs";

const PALE = 76; // shades beyond take dark letters

/** The one law: may position q look at position k? */
export function sees(step, q, k) {
  return step[k] <= step[q];
}

/** What a plan costs and allows. */
export function facts(step) {
  const n = Math.max(...step) + 1;
  let pairs = 0;
  for (let q = 0; q < step.length; q++)
    for (let k = 0; k < step.length; k++) pairs += sees(step, q, k);
  return { units: step.length, steps: n, each: step.length / n, share: pairs / step.length ** 2 };
}

/** The grids a plan draws, each cell with its step; `pick(position)` when one is pointed at. */
function order(step, grids, pick, go) {
  const n = Math.max(...step) + 1;
  let begin = 0;
  const cells = step.map((s, p) => {
    const words = step.length <= 100 ? `${s}` : "";
    const tone = shade(s, n);
    const style = `--shade:${tone}%`;
    return make("span", { class: "place", style, "data-pale": tone > PALE, "data-p": p }, words);
  });
  const blocks = grids.map(([height, width]) => {
    const held = cells.slice(begin, (begin += height * width));
    const style = `grid-template-columns:repeat(${width},minmax(0,1fr));flex-grow:${width}`;
    return make("div", { class: "grid", style }, held);
  });
  const at = (event) => {
    const place = event.target.closest(".place");
    if (place) pick(+place.dataset.p);
  };
  const label = "the order of drawing; arrow keys move from place to place";
  const attributes = { class: "order", tabindex: 0, role: "application", "aria-label": label };
  const listeners = { onpointerover: at, onpointerdown: at, onkeydown: go };
  const keys = { "data-lm-suppress-shortcuts": "true" };
  return { node: make("div", { ...attributes, ...listeners, ...keys }, blocks), cells };
}

/** Where the arrow keys lead from a position, within its own grid. */
export function neighbour(grids, position, key) {
  let begin = 0;
  for (const [height, width] of grids) {
    const end = begin + height * width;
    if (position < end) {
      const column = (position - begin) % width;
      const moves = {
        ArrowLeft: column || position > begin ? -1 : position ? -1 : 0,
        ArrowRight: 1,
        ArrowUp: position - width >= begin ? -width : 0,
        ArrowDown: position + width < end ? width : 0,
        Home: -position,
        End: 1e9,
      };
      return key in moves ? position + moves[key] : null;
    }
    begin = end;
  }
  return null;
}

function render({ model, el }) {
  stage(el, "plans", model.get("label"));
  const families = model.get("families");
  let { family, size } = model.get("chosen");
  let plan, at, drawn, mask;
  const why = make("p", { class: "words" });
  const facts_ = make("ul", { class: "facts" });
  const seen = make("p", { class: "words", "aria-live": "polite" });
  const panels = make("div", { class: "panels" });
  const look = (position) => {
    at = Math.min(Math.max(position, 0), plan.step.length - 1);
    const s = plan.step[at];
    const all = plan.step.map((_, p) => p);
    drawn.cells.forEach((cell, p) => {
      cell.toggleAttribute("data-seen", sees(plan.step, at, p));
      cell.toggleAttribute("data-now", plan.step[p] === s);
      cell.toggleAttribute("data-here", p === at);
    });
    mask.mark(all.filter((p) => plan.step[p] === s), null, { i: at });
    now.set(s);
    const looked = ranges(all.filter((p) => sees(plan.step, at, p)));
    const others = ranges(all.filter((p) => p !== at && plan.step[p] === s));
    seen.textContent =
      `Position ${at} is drawn in step ${s}` +
      (others === "nothing" ? ", alone" : `, together with ${others}`) +
      `. It may look at ${looked}.`;
  };
  const open = () => {
    plan = families[family].options[size];
    const told = facts(plan.step);
    const step = plan.step;
    drawn = order(step, plan.grids, look, (event) => {
      const to = neighbour(plan.grids, at, event.key);
      if (to === null) return;
      event.preventDefault();
      look(to);
    });
    mask = matrix({
      rows: step.length,
      columns: step.length,
      allowed: (q, k) => sees(step, q, k),
      shades: step.map((s) => shade(s, told.steps)),
      label: `mask of ${told.units} positions, rows look at columns`,
      pick: (i) => look(i),
    });
    why.textContent = families[family].why;
    const lines = [
      `${counted(told.units, "unit")} in ${counted(told.steps, "step")}`,
      `${counted(told.steps, "network evaluation")}, ${number(told.each)} units per evaluation`,
      `${number(100 * told.share)}% of all pairs may look`,
    ];
    facts_.replaceChildren(...lines.map((line) => make("li", {}, line)));
    const panel = (words, node) => make("div", {}, make("small", {}, words), node);
    panels.replaceChildren(
      panel("order: the step that draws each place", drawn.node),
      panel("mask: row looks at column", mask.node),
    );
    now.limit(told.steps - 1);
    look(step.indexOf(told.steps >> 1));
    tell(model, { chosen: { family, size } });
  };
  const now = slider({ name: "step", max: 0, value: 0 }, (s) => {
    beat.stop();
    look(plan.step.indexOf(s));
  });
  const beat = clock(
    el,
    () => {
      const s = plan.step[at] + 1;
      look(plan.step.indexOf(s));
      if (s === +now.input.max) beat.stop();
    },
    (running) => {
      play.textContent = running ? "❚❚" : "▶";
      play.setAttribute("aria-label", running ? "pause" : "play");
    },
  );
  const play = button("▶", "play", () => {
    if (beat.running) return beat.stop();
    if (now.value === +now.input.max) look(plan.step.indexOf(0));
    if (+now.input.max > 0) beat.start(Math.max(120, 4000 / +now.input.max));
  });
  const sizes = slider(
    { name: "size", max: 0, value: 0, write: (i) => families[family].options[i]?.name ?? "" },
    (i) => {
      beat.stop();
      size = i;
      open();
    },
  );
  const turn = (i, j) => {
    family = i;
    size = j;
    sizes.limit(families[i].options.length - 1);
    sizes.set(j);
    sizes.node.style.visibility = families[i].options.length > 1 ? "" : "hidden";
    open();
  };
  const kinds = choice("plan", families.map((one) => one.name), family, (i) => {
    beat.stop();
    turn(i, families[i].start);
  });
  el.append(
    make("div", { class: "bar" }, kinds.node, sizes.node, play, now.node),
    why,
    facts_,
    panels,
    seen,
  );
  turn(family, size);
}

export default { render };
